package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
)

// applicationID marks an SQLite file as a ledger: "Nrda".
const applicationID = 0x4e726461

//go:embed migrations/1.sql
var version1 string

// migrations bring the database from each version to the next. A ledger's version is the
// number of migrations applied. A released migration never changes.
var migrations = []string{version1}

var errNewer = errors.New("a newer version of narada wrote it")

// migrate brings the database to the newest version, one transaction a step.
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
	if version < 0 {
		return 0, errDamaged
	}
	return version, nil
}
