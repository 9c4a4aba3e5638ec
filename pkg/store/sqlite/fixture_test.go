package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// testdata/version1.db is a ledger that the first version wrote, and version1.json its
// listing. They are not rewritten once that version is released.
var writeFixture = flag.Bool("write-fixture", false, "write the ledger of testdata and its listing")

const fixture = "testdata/version1"

// fixtureIn opens a copy of the fixture in dir.
func fixtureIn(t *testing.T, dir string) {
	t.Helper()
	content, err := os.ReadFile(fixture + ".db")
	must(t, err)
	must(t, os.WriteFile(Path(dir), content, 0o600))
}

func TestALedgerOfTheFirstVersionIsReadUnchanged(t *testing.T) {
	if *writeFixture {
		makeFixture(t)
	}
	dir := t.TempDir()
	fixtureIn(t, dir)
	l := open(t, dir)
	got, err := storetest.Listing(ctx, l)
	must(t, err)
	want, err := os.ReadFile(fixture + ".json")
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	// It can be written.
	must(t, l.Write(ctx, &store.Accept{Task: intend(t, l, ticket("new"), "p"), RequestID: "req_new", At: start}))
	deliver(t, l, ticket("new"), final("req_new", ticket("new"), "42"))
	if task := theTask(t, l, "req_new"); task.Open() {
		t.Errorf("got %+v", task)
	}
}

// Released migrations are not changed, and each earlier version is migrated to the same
// schema.
func TestEveryMigrationPathEndsAtTheSameSchema(t *testing.T) {
	first, migrated, fresh := t.TempDir(), t.TempDir(), t.TempDir()
	makeVersion(t, first, 1)
	fixtureIn(t, migrated)
	if diff := cmp.Diff(schemaOf(t, migrated), schemaOf(t, first)); diff != "" {
		t.Errorf("the first migration makes another schema than the fixture has: %s", diff)
	}
	for _, dir := range []string{migrated, fresh} {
		l, err := Open(ctx, dir, Options{})
		must(t, err)
		must(t, l.Close())
	}
	if diff := cmp.Diff(schemaOf(t, fresh), schemaOf(t, migrated)); diff != "" {
		t.Errorf("the fixture, brought up to date, has another schema than a new ledger: %s", diff)
	}
}

// makeVersion makes an empty database with the migrations up to that version.
func makeVersion(t *testing.T, dir string, version int) {
	t.Helper()
	must(t, create(Path(dir)))
	withDatabase(t, dir, func(db *sql.DB) error {
		for i, step := range migrations[:version] {
			if _, err := db.Exec(fmt.Sprintf("%s; PRAGMA user_version = %d; PRAGMA application_id = %d", step, i+1, applicationID)); err != nil {
				return err
			}
		}
		return nil
	})
}

// withDatabase calls f with the database.
func withDatabase(t *testing.T, dir string, f func(*sql.DB) error) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(Path(dir), "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)"))
	must(t, err)
	must(t, errors.Join(f(db), db.Close()))
}

// schemaOf returns the schema of a database and its version.
func schemaOf(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	withDatabase(t, dir, func(db *sql.DB) error {
		rows, err := db.Query(`SELECT 'version ' || user_version FROM pragma_user_version UNION ALL SELECT 'auto_vacuum ' || auto_vacuum FROM pragma_auto_vacuum
			UNION ALL SELECT * FROM (SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name)`)
		return eachRow(rows, err, func(row scanner) error {
			line, err := plain[string](row)
			text.WriteString(line + "\n")
			return err
		})
	})
	return text.String()
}

func makeFixture(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{})
	must(t, err)
	must(t, fill(ctx, l))
	listing, err := storetest.Listing(ctx, l)
	must(t, errors.Join(err, l.Close()))
	content, err := os.ReadFile(Path(dir))
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(fixture), 0o755))
	must(t, os.WriteFile(fixture+".db", content, 0o644))
	must(t, os.WriteFile(fixture+".json", []byte(listing), 0o644))
}

// fill writes some of each kind of data.
func fill(ctx context.Context, l *Store) error {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	callback := func(name, body string, minutes int, targets ...string) *store.Deliver {
		d := &store.Deliver{Forwarding: store.Forwarding{Listener: "blue", Targets: targets}}
		d.Ticket, d.Body, d.ReceivedAt = ticket(name), []byte(body), at(minutes)
		d.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": d.Ticket.Header["Authorization"]}
		d.Result, _, _ = narada.ParseCallback(d.Body)
		return d
	}
	batch := &store.PutBatch{Batch: store.Batch{Name: "companies", BegunAt: start, Input: "/home/a/companies.csv", Cloud: "https://api.example.com", Lines: 3}}
	if err := l.Write(ctx, batch); err != nil {
		return err
	}
	tasks := map[string]*store.Intend{}
	for i, name := range []string{"called", "polled", "refused", "unknown", "line", "twice", "asks"} {
		op := &store.Intend{Intent: store.Intent{
			Source: "run", Cloud: "https://api.example.com", Machine: "laptop", Agent: "operator", Prompt: "prompt of " + name, Ticket: ticket(name), At: at(i),
			Body: []byte(`{"prompt":"/Operator prompt of ` + name + `","callbackUrl":"https://a.example/narada/` + name + `","callbackSecret":"***"}`),
		}}
		switch name {
		case "polled":
			op.CloudSession, op.Parent = "session_1", "req_called"
		case "line":
			op.Source, op.Item = "batch", store.Item{Batch: batch.Number, Key: []byte{0, 1, 255}, Line: 1, ID: "ACME", Content: []byte{2}}
		case "unknown":
			op.Ticket.Path, op.Agent = "", ""
		}
		tasks[name] = op
		if err := l.Write(ctx, op); err != nil {
			return err
		}
		if name == "refused" || name == "unknown" {
			continue
		}
		if err := l.Write(ctx, &store.Accept{Task: op.Number, RequestID: "req_" + name, At: op.At.Add(time.Second)}); err != nil {
			return err
		}
	}
	poll := func(body string) *narada.Result {
		r, _ := narada.ParseResult([]byte(body))
		return r
	}
	l.Refuse(ticket("called").Path, store.Refusal{ReceivedAt: at(9), StatusCode: 401, Reason: "wrong secret", Size: 123, Header: http.Header{"User-Agent": {"curl"}, "Authorization": {"x"}}})
	return l.Write(ctx,
		&store.Refuse{Task: tasks["refused"].Number, Failure: "422: no such agent", At: at(10)},
		callback("called", phase("req_called", ticket("called")), 11),
		callback("called", final("req_called", ticket("called"), "42"), 12, "http://localhost:3000/hook", "http://localhost:4000/hook"),
		callback("called", final("req_called", ticket("called"), "43"), 13),
		&store.Poll{Result: poll(`{"requestId":"req_polled","status":"error","response":{"text":"no"},"createdAt":"2026-01-02T03:04:00Z","completedAt":"2026-01-02T03:05:00Z"}`), At: at(14)},
		&store.Poll{Result: poll(`{"requestId":"req_asks","status":"input-required","hitlInputMetadata":{"inputId":"input_1"}}`), At: at(14)},
		callback("line", final("req_line", ticket("line"), "44"), 15),
		&store.SetMismatch{Batch: batch.Number, Key: []byte{0, 1, 255}, Mismatch: `{"schemaErrors":["/jobs: missing"]}`},
		&store.AcceptTwice{Task: tasks["twice"].Number, RequestID: "req_second", At: at(16)},
		callback("shared", final("req_elsewhere", ticket("shared"), "45"), 17, "http://localhost:3000/hook"),
		&store.ForwardTried{Seq: 2, Target: "http://localhost:3000/hook", Failure: "connection refused", At: at(18)},
		&store.ForwardEnded{Forward: store.Forward{Seq: 2, Target: "http://localhost:3000/hook", State: store.ForwardDelivered, StatusCode: 200, EndedAt: at(19)}},
		&store.ForwardEnded{Forward: store.Forward{Seq: 2, Target: "http://localhost:4000/hook", State: store.ForwardFailed, StatusCode: 401, Failure: "answered 401", EndedAt: at(20)}},
	)
}
