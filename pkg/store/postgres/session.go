package postgres

import (
	"context"
	"math"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// sessionStatement is statement for ops about cloud browser sessions.
func sessionStatement(op store.Op) (statement, error) {
	switch op := op.(type) {
	case *store.PutSession:
		s := op.Session
		return call(`INSERT INTO @sessions (key, started_at, session_id, window_id, name, cloud, machine, ends_at, ended_at, status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, window_id = excluded.window_id, name = excluded.name, ends_at = excluded.ends_at, ended_at = excluded.ended_at, status = excluded.status`,
			s.Key, s.StartedAt, s.ID, s.Window, s.Name, s.Cloud, s.Machine, optionalTime(s.EndsAt), optionalTime(s.EndedAt), string(s.Status)), nil
	case *store.ForgetSession:
		return call("DELETE FROM @sessions WHERE key = $1", op.Key), nil
	case *store.EndSession:
		return call("UPDATE @sessions SET ended_at = $1, status = $2 WHERE cloud = $3 AND session_id = $4 AND session_id <> '' AND ended_at IS NULL", op.At, string(op.Status), op.Cloud, op.ID), nil
	}
	return workStatement(op)
}

// optionalTime returns NULL for the zero time.
func optionalTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// Sessions returns the cloud browser sessions, with open only those whose end is not known, the
// newest first, at most limit if it is not 0.
func (l *Store) Sessions(ctx context.Context, open bool, limit int) ([]store.Session, error) {
	if limit == 0 {
		limit = math.MaxInt
	}
	return readAll(ctx, l, func(row scanner) (s store.Session, err error) {
		err = row.Scan(&s.Key, timeColumn{&s.StartedAt}, &s.ID, &s.Window, &s.Name, &s.Cloud, &s.Machine, timeColumn{&s.EndsAt}, timeColumn{&s.EndedAt}, &s.Status)
		return s, err
	}, "SELECT key, started_at, session_id, window_id, name, cloud, machine, ends_at, ended_at, status FROM @sessions WHERE NOT $1 OR ended_at IS NULL ORDER BY started_at DESC, key LIMIT $2", open, limit)
}
