package sqlite

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// applyToSession applies an op about a cloud browser session.
func (t transaction) applyToSession(op store.Op) error {
	switch op := op.(type) {
	case *store.PutSession:
		s := op.Session
		return t.run("INSERT OR REPLACE INTO sessions (key, started_at, session_id, window_id, name, cloud, machine, ends_at, ended_at, status) VALUES (?,?,?,?,?,?,?,?,?,?)",
			s.Key, milliseconds(s.StartedAt), s.ID, s.Window, s.Name, s.Cloud, s.Machine, optionalTime(s.EndsAt), optionalTime(s.EndedAt), s.Status)
	case *store.ForgetSession:
		return t.run("DELETE FROM sessions WHERE key = ?", op.Key)
	case *store.EndSession:
		return t.run("UPDATE sessions SET ended_at = ?, status = ? WHERE cloud = ? AND session_id = ? AND session_id <> '' AND ended_at IS NULL",
			milliseconds(op.At), op.Status, op.Cloud, op.ID)
	}
	return t.applyToWork(op)
}

// optionalTime returns NULL for the zero time.
func optionalTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return milliseconds(t)
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
	}, "SELECT key, started_at, session_id, window_id, name, cloud, machine, ends_at, ended_at, status FROM sessions WHERE NOT ? OR ended_at IS NULL ORDER BY started_at DESC, key LIMIT ?", open, limit)
}

// forgetSessions deletes the sessions that ended before the tasks that may be deleted: see
// prunable. With Limits.Open, those that were started before.
var forgetSessions = "DELETE FROM sessions WHERE ?4 < " + strconv.Itoa(math.MaxInt64) + " AND (coalesce(ended_at, ends_at) < min(?4, ?5) OR ?3 AND started_at < ?4)"
