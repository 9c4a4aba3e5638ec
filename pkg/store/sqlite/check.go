package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// maxDamages is how many damages Check returns of the database, and of its content.
const maxDamages = 20

// Check checks the database and what is stored in it, and returns what is damaged. It reads
// all of it, until ctx ends.
func (l *Store) Check(ctx context.Context) (damages []string, err error) {
	damages, err = readAll(ctx, l, plain[string], fmt.Sprintf("PRAGMA integrity_check(%d)", maxDamages))
	if err != nil || len(damages) != 1 || damages[0] != "ok" {
		return damages, err
	}
	damages = nil
	for _, content := range []struct{ query, what string }{
		{"SELECT '#' || number, '', request FROM tasks", "the request of task %s"},
		{"SELECT '#' || number, '', result FROM tasks", "the answer of task %s"},
		{"SELECT request_id, header, body FROM deliveries", "a callback of %s"},
		{"SELECT request_id, coalesce(header, ''), body FROM forwards", "a callback of %s to be forwarded"},
		{"SELECT '#' || task, '', detail FROM events", "an event of task %s"},
	} {
		found, err := readAll(ctx, l, scanContent(content.what), content.query)
		if err != nil {
			return damages, err
		}
		for _, damage := range found {
			if damage != "" && len(damages) < maxDamages {
				damages = append(damages, damage)
			}
		}
	}
	return damages, nil
}

// scanContent scans a name, a header and a JSON document, and returns what is wrong with
// them.
func scanContent(what string) func(scanner) (string, error) {
	return func(row scanner) (string, error) {
		var name, header string
		var doc []byte
		if err := row.Scan(&name, &header, &doc); err != nil {
			return "", err
		}
		if _, err := engine.DecodeHeader(header); err != nil {
			return fmt.Sprintf(what, name) + ": its header cannot be read", nil
		}
		if doc != nil && !json.Valid(doc) {
			return fmt.Sprintf(what, name) + " is not JSON", nil
		}
		return "", nil
	}
}

// Info describes the ledger.
func (l *Store) Info(ctx context.Context) (store.Info, error) {
	if err := l.catchUp(ctx); err != nil {
		return store.Info{}, err
	}
	scan := func(row scanner) (info store.Info, err error) {
		err = row.Scan(&info.Engine, &info.Schema, &info.Tasks, &info.Open, &info.Callbacks, &info.Refused,
			&info.Waiting, &info.NotForwarded, &info.Batches, &info.Lines, timeColumn{&info.Oldest})
		return info, err
	}
	info, _, err := readOne(ctx, l, scan, `SELECT 'SQLite ' || sqlite_version(), (SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM tasks), (SELECT count(*) FROM tasks WHERE finished_at IS NULL),
		(SELECT count(*) FROM deliveries), (SELECT count(*) FROM refusals),
		(SELECT count(*) FROM forwards WHERE state = 'waiting'), (SELECT count(*) FROM forwards WHERE state = 'failed'),
		(SELECT count(*) FROM batches), (SELECT count(*) FROM batch_lines), (SELECT min(dispatched_at) FROM tasks)`)
	info.Location, info.Bytes = l.path, l.Size()
	return info, err
}
