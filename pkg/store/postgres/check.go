package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// maxDamages is how many damages Check returns.
const maxDamages = 20

// checkPage is the number of rows checked at once.
const checkPage = 256

// Check checks what is stored, and returns what is damaged. It reads all of it, until ctx
// ends. The server's own files are not checked: pg_amcheck does that.
func (l *Store) Check(ctx context.Context) (damages []string, err error) {
	for _, content := range []struct{ table, key, columns, what string }{
		{"tasks", "number", "'#' || number, NULL::bytea, request", "the request of task %s"},
		{"tasks", "number", "'#' || number, NULL::bytea, result", "the answer of task %s"},
		{"deliveries", "seq", "request_id, header, body", "a callback of %s"},
		{"forwards", "seq", "request_id, header, body", "a callback of %s to be forwarded"},
		{"events", "number", "'#' || task, NULL::bytea, convert_to(detail, 'UTF8')", "an event of task %s"},
	} {
		query := fmt.Sprintf("SELECT %[2]s, %[3]s FROM @%[1]s WHERE %[2]s > $1 ORDER BY %[2]s FETCH FIRST %[4]d ROWS WITH TIES", content.table, content.key, content.columns, checkPage)
		for after, more := int64(0), true; more; {
			page, err := readAll(ctx, l, scanContent(content.what, &after), query, after)
			if err != nil {
				return damages, err
			}
			for _, damage := range page {
				if damage != "" && len(damages) < maxDamages {
					damages = append(damages, damage)
				}
			}
			more = len(page) >= checkPage
		}
	}
	return damages, nil
}

// scanContent scans a key, a name, a header and a JSON document, and returns what is wrong
// with the last two.
func scanContent(what string, key *int64) func(scanner) (string, error) {
	return func(row scanner) (string, error) {
		var name string
		var header, doc []byte
		if err := row.Scan(key, &name, &header, &doc); err != nil {
			return "", err
		}
		if _, err := engine.DecodeHeader(string(header)); err != nil {
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
	scan := func(row scanner) (info store.Info, err error) {
		err = row.Scan(&info.Schema, &info.Bytes, &info.Tasks, &info.Open, &info.Callbacks, &info.Refused,
			&info.Waiting, &info.NotForwarded, &info.Batches, &info.Lines, timeColumn{&info.Oldest})
		return info, err
	}
	info, _, err := readOne(ctx, l, scan, `SELECT (SELECT version FROM @version), (`+sizeQuery+`),
		(SELECT count(*) FROM @tasks), (SELECT count(*) FROM @tasks WHERE finished_at IS NULL),
		(SELECT count(*) FROM @deliveries), (SELECT count(*) FROM @refusals),
		(SELECT count(*) FROM @forwards WHERE state = 'waiting'), (SELECT count(*) FROM @forwards WHERE state = 'failed'),
		(SELECT count(*) FROM @batches), (SELECT count(*) FROM @batch_lines), (SELECT min(dispatched_at) FROM @tasks)`, l.o.Schema)
	info.Engine, info.Location = "PostgreSQL "+l.server.version, l.where+", schema "+l.o.Schema
	return info, err
}

// sizeQuery returns the size of the tables and indexes of the schema $1 in bytes.
const sizeQuery = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'"

// Size returns the size of the ledger on the server's disk in bytes, 0 if it is not known.
func (l *Store) Size() int64 {
	size, _, _ := readOne(context.Background(), l, plain[int64], sizeQuery, l.o.Schema)
	return size
}
