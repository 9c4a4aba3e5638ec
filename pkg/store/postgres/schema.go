package postgres

import (
	"context"
	_ "embed"
	"errors"
	"hash/fnv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/1.sql
var version1 string

// migrations bring the schema from each version to the next. A released migration never
// changes.
var migrations = []string{version1}

// migrate brings the schema to the newest version, in one transaction. Of several processes
// one does it, and the others wait.
func (l *Store) migrate(ctx context.Context, conn *pgx.Conn) error {
	version, err := l.version(ctx, conn)
	if err != nil || version == len(migrations) {
		return err
	}
	if version > len(migrations) {
		return errNewer
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", l.lockKey()); err != nil {
			return err
		}
		version, err := l.version(ctx, conn) // another process may have been faster
		if err != nil {
			return err
		}
		if version == 0 {
			if err := l.createSchema(ctx, tx); err != nil {
				return err
			}
		}
		for ; version < len(migrations); version++ {
			step := strings.ReplaceAll(migrations[version], "@", l.schema)
			if _, err := tx.Exec(ctx, step, pgx.QueryExecModeSimpleProtocol); err != nil {
				return l.withSQL(err, codeRights, grantCreate)
			}
			if _, err := tx.Exec(ctx, l.sql("UPDATE @version SET version = $1"), version+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// lockKey is the key of the lock that is held during a migration.
func (l *Store) lockKey() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("narada schema " + l.o.Schema)) // it does not fail
	return int64(h.Sum64())
}

// version returns the version of the schema, 0 if it has no tables of ours.
func (l *Store) version(ctx context.Context, conn *pgx.Conn) (version int, err error) {
	var ours, others bool
	err = conn.QueryRow(ctx, l.sql(`SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'version'),
		EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname IN ('tasks', 'events', 'batches'))`), l.o.Schema).Scan(&ours, &others)
	switch {
	case err != nil:
		return 0, err
	case !ours && others:
		return 0, errForeign
	case !ours:
		return 0, nil
	}
	err = conn.QueryRow(ctx, l.sql("SELECT version FROM @version")).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) || sqlState(err) == codeNoColumn {
		return 0, errForeign
	}
	return version, err
}

func (l *Store) createSchema(ctx context.Context, tx pgx.Tx) error {
	var there bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", l.o.Schema).Scan(&there)
	if there || err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "CREATE SCHEMA "+quoted(l.o.Schema), pgx.QueryExecModeSimpleProtocol)
	return l.withSQL(err, codeRights, createSchema)
}
