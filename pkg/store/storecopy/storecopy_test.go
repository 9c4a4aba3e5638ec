//go:build unix

package storecopy

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
	"github.com/narada-cli/narada/pkg/store/postgres"
	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/store/storetest"
	"github.com/narada-cli/narada/pkg/webhook"
)

type ledger = Ledger

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sqliteLedger(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	l, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// The server of all tests.
var (
	shared *postgrestest.Server
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		if err := shared.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server returns the server, or skips the test.
func server(t *testing.T) *postgrestest.Server {
	t.Helper()
	postgrestest.Require(t)
	if shared == nil {
		var err error
		shared, err = postgrestest.New(context.Background())
		check(t, err)
	}
	return shared
}

func postgresLedger(t *testing.T, s *postgrestest.Server, schema string) *postgres.Store {
	t.Helper()
	schema = t.Name() + " " + schema
	l, err := postgres.Open(t.Context(), postgres.Options{URL: s.URL("postgres"), Schema: schema})
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func listing(t *testing.T, l store.Ledger) string {
	t.Helper()
	text, err := storetest.Listing(t.Context(), l)
	check(t, err)
	return text
}

// filled is a ledger with some of everything: that of the first version, and more.
func filled(t *testing.T) *sqlite.Store {
	dir := t.TempDir()
	content, err := os.ReadFile("../sqlite/testdata/version1.db")
	check(t, err)
	check(t, os.WriteFile(sqlite.Path(dir), content, 0o600))
	l := sqliteLedger(t, dir)
	fill(t, l)
	return l
}

// fill adds what the ledger of the first version has not: large and strange content, a batch
// with settings and an open line, events with attempts, gaps at the end of the numbers.
func fill(t *testing.T, l store.Ledger) {
	t.Helper()
	at := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	batch := &store.PutBatch{Batch: store.Batch{Name: "wide", BegunAt: at, Input: "/a\xff\x00b", Cloud: "https://api.example.com", Lines: 2, Settings: `{"a":1}`}}
	check(t, l.Write(t.Context(), batch))
	ticket := func(name string) webhook.Ticket {
		return webhook.Ticket{Path: "/narada/" + name, Header: http.Header{"Authorization": {"Bearer " + name}}, Secret: "secret of " + name}
	}
	intend := func(name string, line int) int64 {
		op := &store.Intend{Intent: store.Intent{
			Source: "batch", Machine: "m1", Prompt: "p\u2028 \xff\x00 <b>", Ticket: ticket(name), At: at, Cloud: "https://api.example.com",
			Body: []byte(`{"prompt": "x",  "n": 1e400, "callbackUrl":"https://a.example/` + name + `","browserWindowId":"w1"}`),
			Item: store.Item{Batch: batch.Number, Key: fmt.Append(nil, "key\x00", name), Line: line, ID: name, Content: []byte{}},
		}}
		check(t, l.Write(t.Context(), op))
		return op.Number
	}
	open, done, last := intend("open", 1), intend("done", 2), intend("last", store.GoneLine)
	check(t, l.Write(t.Context(), &store.Accept{Task: open, RequestID: "req_open", At: at}, &store.Accept{Task: done, RequestID: "req_done", At: at}, &store.Accept{Task: last, RequestID: "req_last", At: at}))
	deliver := func(name string, size int, targets ...string) {
		body := fmt.Appendf(nil, `{"requestId":"req_%s", "status":"success","response":{"text":%q},"x":"\u0000","completedAt":"2026-01-02T03:04:05Z","secret":%q}`,
			name, bytes.Repeat([]byte("long "), size), ticket(name).Secret)
		r, _, err := narada.ParseCallback(body)
		check(t, err)
		d := &store.Deliver{Forwarding: store.Forwarding{Listener: "blue", Targets: targets}}
		d.Ticket, d.Body, d.Result, d.ReceivedAt, d.Header = ticket(name), body, r, at.Add(time.Hour), http.Header{"Authorization": {"Bearer " + name}, "X-A": {"1", "2"}}
		check(t, l.Write(t.Context(), d))
	}
	deliver("done", 1<<17, "http://localhost/a", "http://localhost/b")
	deliver("last", 10)
	newest, err := l.Last(t.Context())
	check(t, err)
	check(t, l.Write(t.Context(), &store.ForwardTried{Seq: newest - 1, Target: "http://localhost/a", StatusCode: 503, At: at}, &store.ForwardTried{Seq: newest - 1, Target: "http://localhost/a", Failure: "\xff", At: at}))
	l.Refuse(ticket("done").Path, store.Refusal{ReceivedAt: at, StatusCode: 401, Reason: "wrong", Size: -1, Header: http.Header{"A": {"b"}}, HeaderFits: true})
	_, err = l.RecentRefusals(t.Context(), 1) // stores it
	check(t, err)
	_, err = l.Prune(t.Context(), store.Limits{Before: at.Add(-time.Hour), Keep: 3}) // no more than the oldest
	check(t, err)
}

func run(t *testing.T, from, to ledger) Counts {
	t.Helper()
	var c Copy
	counts, err := c.Run(t.Context(), from, to)
	check(t, err)
	total := int64(0)
	for _, n := range counts {
		total += n
	}
	if c.Rows() != total || total == 0 {
		t.Errorf("%d rows were counted of %d", c.Rows(), total)
	}
	return counts
}

func TestALedgerIsTheSameInEitherEngineAndBackAgain(t *testing.T) {
	s := server(t)
	first := filled(t)
	ledgers := []ledger{first, postgresLedger(t, s, "a"), sqliteLedger(t, t.TempDir()), sqliteLedger(t, t.TempDir()), postgresLedger(t, s, "b c"), postgresLedger(t, s, "d")}
	want := listing(t, first)
	for _, part := range []string{`"State": "waiting"`, "secret of done", `"Attempts": 2`, `"Window": "w1"`, "wide"} {
		if !strings.Contains(want, part) {
			t.Errorf("the first ledger has no %s", part)
		}
	}
	for i, from := range ledgers[:len(ledgers)-1] {
		run(t, from, ledgers[i+1])
		if diff := cmp.Diff(want, listing(t, ledgers[i+1])); diff != "" {
			t.Fatalf("%d: %s", i, diff)
		}
		_, err := new(Copy).Run(t.Context(), from, ledgers[i+1])
		if empty, ok := errors.AsType[*NotEmptyError](err); !ok || empty.Error() != "the target is not empty: it has tasks" {
			t.Errorf("a second copy: %v", err)
		}
	}
	// The other way, from what PostgreSQL has written itself.
	native := postgresLedger(t, s, "native")
	fill(t, native)
	want = listing(t, native)
	back := sqliteLedger(t, t.TempDir())
	run(t, native, back)
	if diff := cmp.Diff(want, listing(t, back)); diff != "" {
		t.Error(diff)
	}
}

func TestNumbersGoOnAfterTheHighest(t *testing.T) {
	s := server(t)
	first := filled(t)
	_, err := first.Prune(t.Context(), store.Limits{Before: time.Now(), Open: true}) // all numbers are gone
	check(t, err)
	batch := &store.PutBatch{Batch: store.Batch{Name: "temporary", BegunAt: time.Now()}}
	check(t, first.Write(t.Context(), batch))
	check(t, first.Write(t.Context(), &store.DeleteBatch{Batch: batch.Number}))
	next := func(l ledger) (numbers []int64) {
		intents, err := l.Intend(t.Context(), []store.Intent{{Source: "run", At: time.Now()}})
		check(t, err)
		last, err := l.Last(t.Context())
		check(t, err)
		number, err := l.PutBatch(t.Context(), store.Batch{Name: "next", BegunAt: time.Now()})
		check(t, err)
		return append(intents, last, number)
	}
	shared, back := postgresLedger(t, s, "a"), sqliteLedger(t, t.TempDir())
	run(t, first, shared)
	run(t, shared, back)
	want := next(first)
	for _, n := range want {
		if n < 2 {
			t.Errorf("the first ledger continues with %v", want)
		}
	}
	for i, l := range []ledger{shared, back} {
		if got := next(l); len(got) != len(want) || got[0] < want[0] || got[1] != want[1] || got[2] < want[2] {
			t.Errorf("%d: the copy continues with %v, want %v", i, got, want)
		}
	}
}

// A callback that the source has is a repeat at the target, and a new one has the next number.
func TestACopyGoesOnAsTheSource(t *testing.T) {
	s := server(t)
	first := filled(t)
	for _, l := range []ledger{postgresLedger(t, s, "a"), sqliteLedger(t, t.TempDir())} {
		run(t, first, l)
		last, err := l.Last(t.Context())
		check(t, err)
		ticket, ok, err := l.Ticket(t.Context(), "/narada/open")
		if !ok || err != nil {
			t.Fatalf("the ticket: %v, %v", ok, err)
		}
		body := []byte(`{"requestId":"req_open","status":"success","completedAt":"x","secret":"secret of open"}`)
		result, err := webhook.Verify(ticket, http.Header{"Authorization": {"Bearer open"}, "Content-Type": {"application/json"}}, body)
		check(t, err)
		for i, want := range []bool{true, false} {
			isNew, err := l.Store(t.Context(), webhook.Delivery{Ticket: ticket, Result: result, Body: body, ReceivedAt: time.Now()}, store.Forwarding{})
			check(t, err)
			if now, _ := l.Last(t.Context()); isNew != want || now != last+1 {
				t.Errorf("callback %d: new %v, number %d after %d", i, isNew, now, last)
			}
		}
	}
}

// faulty is a ledger whose import or export fails.
type faulty struct {
	ledger
	insert func(table string) error
	skip   string
}

func (f faulty) Import(ctx context.Context, fill func(engine.Writer) error) error {
	return f.ledger.Import(ctx, func(w engine.Writer) error { return fill(faultyWriter{w, f}) })
}

type faultyWriter struct {
	engine.Writer
	f faulty
}

func (w faultyWriter) Insert(ctx context.Context, t engine.Table, rows iter.Seq2[engine.Row, error]) error {
	if err := w.f.insert(t.Name); err != nil {
		return err
	}
	return w.Writer.Insert(ctx, t, func(yield func(engine.Row, error) bool) {
		for row, err := range rows {
			if t.Name == w.f.skip && err == nil {
				row = slices.Clone(row)
				row[t.Index("header")] = "Other: header\r\n" // as one that the disk has changed
			}
			if !yield(row, err) {
				return
			}
		}
	})
}

func TestACopyIsWholeOrNothing(t *testing.T) {
	s := server(t)
	first := filled(t)
	for name, target := range map[string]ledger{"PostgreSQL": postgresLedger(t, s, "a"), "SQLite": sqliteLedger(t, t.TempDir())} {
		empty := listing(t, target)
		failure := errors.New("the disk is full")
		ctx, cancel := context.WithCancelCause(t.Context())
		for what, fault := range map[string]struct {
			faulty
			ctx  context.Context
			want func(error) bool
		}{
			"a failed table": {faulty{target, func(table string) error {
				if table == "forwards" {
					return failure
				}
				return nil
			}, ""}, t.Context(), func(err error) bool { return errors.Is(err, failure) }},
			"Ctrl-C": {faulty{target, func(table string) error {
				if table == "deliveries" {
					cancel(failure)
				}
				return nil
			}, ""}, ctx, func(err error) bool { return errors.Is(err, failure) }},
			"other content": {faulty{target, func(string) error { return nil }, "deliveries"}, t.Context(), func(err error) bool {
				differs, ok := errors.AsType[*DiffersError](err)
				return ok && differs.Table == "deliveries" && differs.Read > 1
			}},
		} {
			_, err := new(Copy).Run(fault.ctx, first, fault.faulty)
			if !fault.want(err) {
				t.Errorf("%s, %s: got %v", name, what, err)
			}
			if diff := cmp.Diff(empty, listing(t, target)); diff != "" {
				t.Errorf("%s, %s: the target is not empty: %s", name, what, diff)
			}
		}
		cancel(nil)
		run(t, first, target) // it can be repeated
	}
}

// What is left to do for workers is copied, and not who did it: the lines that a worker held
// can be claimed at once.
func TestTheQueueOfWorkersIsCopied(t *testing.T) {
	s := server(t)
	first := sqliteLedger(t, t.TempDir())
	batch := &store.PutBatch{Batch: store.Batch{Name: "jobs", BegunAt: time.Now(), Cloud: "https://api.example.com", Lines: 4}}
	check(t, first.Write(t.Context(), batch))
	queue := []store.Op{&store.OpenWork{Batch: batch.Number, Options: `{"via":"poll"}`, Credits: 1.5}}
	for i := range 4 {
		queue = append(queue, &store.QueueLine{
			Item:   store.Item{Batch: batch.Number, Key: []byte{byte(i), 0}, Line: i + 1, ID: fmt.Sprint("id", i)},
			Intent: store.Intent{Prompt: "p\x00", Body: []byte(`{"prompt":"p\u0000","browserWindowId":"w"}`), Agent: "operator"},
		})
	}
	check(t, first.Write(t.Context(), queue...))
	limits := store.ClaimLimits{Concurrency: 9, Lease: time.Hour, TimeLimit: time.Hour, SendLimit: time.Hour}
	claim := func(l ledger, owner string, most int) []store.Claimed {
		check(t, l.Write(t.Context(), &store.Claim{Batch: batch.Number, Owner: owner, Call: 1, Max: most, Limits: limits, Source: "batch", At: time.Now()}))
		list, err := l.Claimed(t.Context(), owner, 1)
		check(t, err)
		return list
	}
	sent := claim(first, "worker", 3) // and one waits
	held := func(c store.Claimed) store.HeldLine {
		return store.HeldLine{Batch: c.Batch, Key: c.Key, Fence: c.Fence}
	}
	check(t, first.Write(t.Context(), &store.Accept{Task: sent[0].Task, RequestID: "req_0", At: time.Now()}, &store.FinishLine{HeldLine: held(sent[0]), Failed: true, Credits: 2, Lost: true}))
	check(t, first.Write(t.Context(), &store.Accept{Task: sent[1].Task, RequestID: "req_1", At: time.Now()}))
	work := func(l ledger) store.Work {
		list, err := l.Works(t.Context(), batch.Number)
		check(t, err)
		if len(list) != 1 {
			t.Fatalf("%d batches", len(list))
		}
		return list[0]
	}
	want := work(first)
	want.InFlight, want.Adoptable, want.Unknown = 0, true, 1
	shared, back := postgresLedger(t, s, "a"), sqliteLedger(t, t.TempDir())
	counts := run(t, first, shared)
	unknown := &store.QueueLine{Item: sent[2].Item, Seen: sent[2].Task, Task: sent[2].Task, Unawaited: true}
	check(t, shared.Write(t.Context(), unknown)) // it is not waited for any longer
	run(t, shared, back)
	if counts["batch_work"] != 1 || counts["batch_queue"] != 4 {
		t.Errorf("copied %v", counts)
	}
	for i, l := range []ledger{shared, back} {
		if diff := cmp.Diff(want, work(l)); diff != "" {
			t.Errorf("%d: %s", i, diff)
		}
		keys, last, err := l.FinishedLines(t.Context(), batch.Number, 0, 9)
		if err != nil || len(keys) != 1 || !bytes.Equal(keys[0], sent[0].Key) || last != 1 {
			t.Errorf("%d: finished: %q, %d, %v", i, keys, last, err)
		}
		list := claim(l, "another worker", 9)
		if len(list) != 2 || list[0].Line+list[1].Line != 2+4 {
			t.Fatalf("%d: claimed %+v", i, list)
		}
		if w := work(l); w.Unknown != 0 || w.Finished != 2 {
			t.Errorf("%d: the unknown line is waited for: %+v", i, w)
		}
		for _, c := range list {
			if c.Send != (c.Line == 4) || c.Send == (c.Task == sent[1].Task) || c.Prompt != "p\x00" || string(c.Request) != `{"prompt":"p\u0000","browserWindowId":"w"}` {
				t.Errorf("%d: claimed %+v", i, c)
			}
		}
	}
}

// Each column of either engine is copied, or it follows from those that are, or is about
// processes that run.
func TestNoTableIsForgotten(t *testing.T) {
	s := server(t)
	postgresLedger(t, s, "a")
	dir := t.TempDir()
	sqliteLedger(t, dir)
	derived := []string{"version", "maintenance", "writers", "listeners", "forwarders", "fences", "newest", "delivery_index", "indexed", "callback_url", "window_id", "input_id", "attempts of events",
		"timeline", "next_at of batch_work", "held_until of batch_work", "fence of batch_queue", "owner of batch_queue", "call of batch_queue", "leased_until of batch_queue", "send_at of batch_queue"}
	known := map[string][]string{}
	for _, table := range engine.Tables() {
		known[table.Name] = table.Names()
	}
	see := func(table, column string) {
		if slices.Contains(derived, table) || slices.Contains(derived, column) || slices.Contains(derived, column+" of "+table) {
			return
		}
		if !slices.Contains(known[table], column) {
			t.Errorf("%s of %s is not copied", column, table)
		}
	}
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	check(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = $1", t.Name()+" a")
	check(t, err)
	var table, column string
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error { see(table, column); return nil })
	check(t, err)
	db, err := sql.Open("sqlite", "file:"+sqlite.Path(dir))
	check(t, err)
	defer db.Close()
	columns, err := db.Query("SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'")
	check(t, err)
	for columns.Next() {
		check(t, columns.Scan(&table, &column))
		see(table, column)
	}
	check(t, columns.Err())
}
