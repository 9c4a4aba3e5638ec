package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// applicationID marks an SQLite file as a ledger: "Nrda".
const applicationID = 0x4e726461

// migrations bring the database from each version to the next. The version of a
// ledger is how many of them it has had. What has been released is not changed.
//
// Times are milliseconds since 1970, UTC.
var migrations = []string{
	// A task is open until finished. seal is that of its ticket; body is the request as it was sent, secrets masked; took is the time
	// that it ran, as the cloud says.
	`CREATE TABLE tasks (
		number      INTEGER PRIMARY KEY,
		intended    INTEGER NOT NULL,
		request_id  TEXT,
		source      TEXT NOT NULL,
		cloud       TEXT NOT NULL DEFAULT '',
		prompt      TEXT NOT NULL DEFAULT '',
		path        TEXT,
		seal        TEXT,
		status      TEXT NOT NULL,
		way         TEXT NOT NULL DEFAULT '',
		finished    INTEGER,
		took        INTEGER NOT NULL DEFAULT 0,
		result      BLOB,
		body        BLOB
	);
	CREATE UNIQUE INDEX tasks_request ON tasks (request_id) WHERE request_id IS NOT NULL;
	CREATE UNIQUE INDEX tasks_path ON tasks (path) WHERE path IS NOT NULL;
	CREATE INDEX tasks_open ON tasks (number) WHERE finished IS NULL;
	CREATE INDEX tasks_status ON tasks (status, number);

	-- A callback as it came. The secret is blanked in the body of a final one, and
	-- in those of its task's earlier phases as soon as it is there. It is on the way
	-- of every acknowledgement: an index is for those few alone that are no end.
	CREATE TABLE deliveries (
		seq         INTEGER PRIMARY KEY,
		received    INTEGER NOT NULL,
		request_id  TEXT NOT NULL,
		digest      BLOB NOT NULL,
		path        TEXT NOT NULL,
		status      TEXT NOT NULL,
		final       INTEGER NOT NULL,
		took        INTEGER NOT NULL,
		header      TEXT NOT NULL,
		body        BLOB NOT NULL
	);
	CREATE INDEX deliveries_phases ON deliveries (request_id) WHERE NOT final;

	-- The callbacks that have been filed, up to filed.seq, by their tasks. Those of
	-- tasks that were sent elsewhere have a row in tasks then too.
	CREATE TABLE delivered (
		request_id  TEXT NOT NULL,
		digest      BLOB NOT NULL,
		seq         INTEGER NOT NULL,
		final       INTEGER NOT NULL,
		PRIMARY KEY (request_id, digest)
	) WITHOUT ROWID;
	CREATE TABLE filed (seq INTEGER NOT NULL);
	INSERT INTO filed VALUES (0);`,

	// What came to a task's path and was refused.
	`CREATE TABLE refusals (
		seq         INTEGER PRIMARY KEY,
		received    INTEGER NOT NULL,
		path        TEXT NOT NULL,
		status      INTEGER NOT NULL,
		reason      TEXT NOT NULL,
		size        INTEGER NOT NULL,
		header      TEXT NOT NULL
	);
	CREATE INDEX refusals_path ON refusals (path, seq);`,

	// The lines of batches that were sent, each with the newest task of it. failure is
	// why a task was not accepted and never will be.
	`ALTER TABLE tasks ADD COLUMN failure TEXT NOT NULL DEFAULT '';
	CREATE TABLE batches (
		number      INTEGER PRIMARY KEY,
		name        TEXT NOT NULL UNIQUE,
		begun       INTEGER NOT NULL,
		input       TEXT NOT NULL,
		cloud       TEXT NOT NULL,
		lines       INTEGER NOT NULL
	);
	CREATE TABLE items (
		batch       INTEGER NOT NULL,
		key         BLOB NOT NULL,
		line        INTEGER NOT NULL,
		id          TEXT NOT NULL,
		task        INTEGER NOT NULL,
		PRIMARY KEY (batch, key)
	) WITHOUT ROWID;
	CREATE INDEX items_line ON items (batch, line, key);`,

	// Callbacks that the listener of that name passes on to a target, or has. header
	// and body are as they came, the proof in them too, for as long as it waits.
	`CREATE TABLE forwards (
		seq         INTEGER NOT NULL,
		target      TEXT NOT NULL,
		listener    TEXT NOT NULL,
		request_id  TEXT NOT NULL,
		state       TEXT NOT NULL,
		attempts    INTEGER NOT NULL DEFAULT 0,
		status      INTEGER NOT NULL DEFAULT 0,
		failure     TEXT NOT NULL DEFAULT '',
		ended       INTEGER,
		header      TEXT,
		body        BLOB,
		PRIMARY KEY (seq, target)
	);
	CREATE INDEX forwards_waiting ON forwards (target, listener, seq) WHERE state = 'waiting';
	CREATE INDEX forwards_failed ON forwards (seq) WHERE state = 'failed';
	CREATE INDEX forwards_request ON forwards (request_id);`,

	// The sum of what is in a line that is known by its ID, and how its answer's data
	// differ from what was asked for.
	`ALTER TABLE items ADD COLUMN content BLOB NOT NULL DEFAULT x'';
	ALTER TABLE items ADD COLUMN misfit TEXT NOT NULL DEFAULT '';`,
}

var errNewer = errors.New("a newer version of narada has written it")

// migrate brings the database to the newest version, each step whole or not at
// all.
func migrate(ctx context.Context, db *sql.DB) error {
	for {
		version, err := schemaVersion(ctx, db)
		switch {
		case err != nil:
			return err
		case version > len(migrations):
			return errNewer
		case version == len(migrations):
			return nil
		}
		tx, err := db.BeginTx(ctx, nil) // a BEGIN IMMEDIATE
		if err != nil {
			return err
		}
		step := fmt.Sprintf("%s; PRAGMA user_version = %d; PRAGMA application_id = %d", migrations[version], version+1, applicationID)
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
}

func schemaVersion(ctx context.Context, db *sql.DB) (version int, err error) {
	var id, tables int
	row := db.QueryRowContext(ctx, "SELECT v.user_version, a.application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version v, pragma_application_id a")
	if err := row.Scan(&version, &id, &tables); err != nil {
		return 0, err
	}
	if id != applicationID && tables > 0 {
		return 0, errForeign
	}
	return version, nil
}
