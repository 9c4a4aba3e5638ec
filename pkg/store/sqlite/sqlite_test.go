package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) {
	storetest.Child(openStore)
	// database/sql ends its goroutine a moment after Close.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

func openStore(ctx context.Context, dir string, stored func(store.Entry)) (storetest.Store, error) {
	return Open(ctx, dir, Options{Stored: stored})
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		return storetest.Opener{Name: t.TempDir(), Open: openStore}
	})
}

var (
	ctx   = context.Background()
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func open(t testing.TB, dir string) *Store { return openWith(t, dir, Options{}) }

func openWith(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	l, err := Open(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ticket returns the ticket of that name.
func ticket(name string) webhook.Ticket {
	return webhook.Ticket{Path: "/narada/" + name, Header: http.Header{"Authorization": {"Bearer header-of-" + name}}, Secret: "secret-of-" + name}
}

// callback returns a callback as the cloud sends it for the ticket.
func callback(t testing.TB, tk webhook.Ticket, body string) webhook.Delivery {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": tk.Header["Authorization"]}
	r, err := webhook.Verify(tk, header, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Delivery{Ticket: tk, Result: r, Body: []byte(body), ReceivedAt: start, Header: header}
}

// final and phase return bodies of callbacks.
func final(id string, tk webhook.Ticket, text string) string {
	return fmt.Sprintf(`{"requestId":%q, "status":"success","response":{"text":%q},"createdAt":"2026-01-02T03:04:00Z","completedAt":"2026-01-02T03:04:04.5Z","secret":%q}`, id, text, tk.Secret)
}

func phase(id string, tk webhook.Ticket) string {
	return fmt.Sprintf(`{"requestId":%q,"status":"input-required","completedAt":null,"secret":%q}`, id, tk.Secret)
}

func deliver(t testing.TB, l *Store, tk webhook.Ticket, body string) (isNew bool) {
	t.Helper()
	isNew, err := l.Store(ctx, callback(t, tk, body), store.Forwarding{})
	if err != nil {
		t.Fatal(err)
	}
	return isNew
}

// intend adds a task with the ticket that is about to be sent.
func intend(t testing.TB, l *Store, tk webhook.Ticket, prompt string) (number int64) {
	t.Helper()
	numbers, err := l.Intend(ctx, []store.Intent{{Source: "run", Cloud: "https://api.example.com", Prompt: prompt, Body: json.RawMessage(`{"prompt":"` + prompt + `"}`), Ticket: tk, At: start}})
	if err != nil {
		t.Fatal(err)
	}
	return numbers[0]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func theTask(t testing.TB, l *Store, id string) store.Task {
	t.Helper()
	task, ok, err := l.Task(ctx, id)
	if err != nil || !ok {
		t.Fatalf("%s: found %v, %v", id, ok, err)
	}
	return task
}

func TestOnlyTheUserCanReadTheFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mode means nothing there; package private tests the access lists")
	}
	dir := filepath.Join(t.TempDir(), "state", "narada")
	l := open(t, dir)
	intend(t, l, ticket("a"), "p")
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	info, err := os.Stat(dir)
	must(t, err)
	if len(entries) < 3 || info.Mode().Perm() != 0o700 {
		t.Errorf("%d files in a folder with mode %v", len(entries), info.Mode())
	}
}

// group commits the writes in one transaction, and returns their errors.
func group(l *Store, writes ...*write) (errs []error) { return l.writer.commit(writes) }

// The other writes of its transaction are applied and reported.
func TestAFailedWriteDoesNotAffectTheOthersOfItsGroup(t *testing.T) {
	var told []string
	l := openWith(t, t.TempDir(), Options{Stored: func(e store.Entry) { told = append(told, e.Result.RequestID) }})
	number := intend(t, l, ticket("a"), "p")
	wrong := errors.New("wrong")
	lost := newTestWrite(t, &store.Deliver{Delivery: callback(t, ticket("b"), final("req_lost", ticket("b"), "42"))}, &store.Refuse{Task: number, At: start})
	whole := lost.do
	lost.do = func(tx transaction) error {
		if err := whole(tx); err != nil {
			return err
		}
		return wrong
	}
	batch := &store.PutBatch{Batch: store.Batch{Name: "jobs", BegunAt: start}}
	errs := group(l,
		newTestWrite(t, batch),
		newTestWrite(t, &store.Accept{Task: number, RequestID: "req_1", At: start}),
		&write{do: func(tx transaction) error { return errors.Join(tx.run("DELETE FROM tasks"), wrong) }},
		lost,
		newTestWrite(t, &store.Deliver{Delivery: callback(t, ticket("b"), final("req_2", ticket("b"), "42"))}),
	)
	for i, want := range []error{nil, nil, wrong, wrong, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("%d: got %v", i, errs[i])
		}
	}
	if task := theTask(t, l, "req_1"); task.Number != number || !task.Open() {
		t.Errorf("got %+v", task)
	}
	if got, ok, err := l.Batch(ctx, "jobs"); !ok || err != nil || got.Number != batch.Number {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	if strings.Join(told, " ") != "req_2" {
		t.Errorf("Stored was called with %v", told)
	}
	if !deliver(t, l, ticket("b"), final("req_lost", ticket("b"), "42")) {
		t.Error("a callback that was not stored is taken for a repeat")
	}
}

// newTestWrite returns the write that Write makes of the ops.
func newTestWrite(t *testing.T, ops ...store.Op) *write {
	t.Helper()
	one, err := newWrite(ops, strings.TrimSpace)
	must(t, err)
	return one
}

// A slow yield does not block other processes.
func TestNoReadIsOpenWhileTasksCallsYield(t *testing.T) {
	l := openWith(t, t.TempDir(), Options{tick: make(chan time.Time)})
	_, err := l.Intend(ctx, make([]store.Intent, 100+5))
	must(t, err)
	count := 0
	must(t, l.Tasks(ctx, store.Query{}, func(task store.Task) error {
		if blocked, err := l.checkpoint(ctx, emptyLog); blocked || err != nil {
			t.Errorf("blocked: %v, %v", blocked, err)
		}
		count++
		return nil
	}))
	if count != 100+5 {
		t.Errorf("%d tasks", count)
	}
}

// Another process may have indexed the callbacks and pruned them.
func TestTheIndexNeverMovesBack(t *testing.T) {
	l := open(t, t.TempDir())
	for i := range 3 {
		deliver(t, l, ticket("a"), final(fmt.Sprint("req_", i), ticket("a"), "42"))
	}
	must(t, l.index(ctx))
	must(t, l.writer.put(ctx, &write{do: func(tx transaction) error {
		if err := tx.run("DELETE FROM deliveries WHERE seq > 1"); err != nil {
			return err
		}
		_, err := indexSome(tx)
		return err
	}}))
	indexed, _, err := readOne(ctx, l, plain[int64], "SELECT seq FROM indexed")
	must(t, err)
	if indexed != 3 {
		t.Errorf("indexed up to %d, want 3", indexed)
	}
	deliver(t, l, ticket("a"), final("req_4", ticket("a"), "42"))
	if last, err := l.Last(ctx); err != nil || last != 4 {
		t.Errorf("the next callback has the number %d, %v", last, err)
	}
}

// Each callback is indexed once, although others write between the steps.
func TestCallbacksAreIndexedInSeveralTransactions(t *testing.T) {
	l := openWith(t, t.TempDir(), Options{tick: make(chan time.Time)})
	const count = indexStep + 10
	ops := make([]store.Op, count)
	for i := range ops {
		ops[i] = &store.Deliver{Delivery: callback(t, ticket("a"), final(fmt.Sprint("req_", i), ticket("a"), "42"))}
	}
	must(t, l.Write(ctx, ops...))
	var more bool
	must(t, l.writer.put(ctx, &write{do: func(tx transaction) (err error) {
		more, err = indexSome(tx)
		return err
	}}))
	if !more {
		t.Error("one step indexed all callbacks")
	}
	if deliver(t, l, ticket("a"), final("req_1", ticket("a"), "42")) || deliver(t, l, ticket("a"), final(fmt.Sprint("req_", count-1), ticket("a"), "42")) {
		t.Error("a repeat is new")
	}
	tasks := 0
	must(t, l.Tasks(ctx, store.Query{}, func(store.Task) error { tasks++; return nil }))
	indexed, _, err := readOne(ctx, l, plain[int], "SELECT count(DISTINCT seq) FROM delivery_index")
	must(t, err)
	if tasks != count || indexed != count {
		t.Errorf("%d tasks, %d callbacks indexed, want %d", tasks, indexed, count)
	}
}

// A page of tasks is found without reading a whole table.
func TestQueriesUseTheirIndexes(t *testing.T) {
	l := open(t, t.TempDir())
	for name, test := range map[string]struct {
		query store.Query
		index string
	}{
		"all":     {store.Query{}, "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		"status":  {store.Query{Status: "error"}, "INDEX tasks_status (status=? AND rowid>? AND rowid<?)"},
		"agent":   {store.Query{Agent: "core"}, "INDEX tasks_agent (agent=? AND rowid>? AND rowid<?)"},
		"batch":   {store.Query{Batch: 1}, "INDEX tasks_batch (batch=? AND rowid>? AND rowid<?)"},
		"open":    {store.Query{Open: true}, "INDEX tasks_open"},
		"several": {store.Query{Status: "error", Agent: "core", Batch: 1, Open: true}, "INDEX tasks_"},
	} {
		where, args := taskConditions(test.query)
		plan := explain(t, l, pageQuery(where), append(args, 0, 10, 5)...)
		outer, _, _ := strings.Cut(plan, "CORRELATED SCALAR SUBQUERY") // which is that of the forwards
		if !strings.HasPrefix(outer, "SEARCH t USING "+test.index) || strings.Contains(outer, "TEMP B-TREE") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
	if plan := explain(t, l, firstSinceQuery, 0, 0); !strings.Contains(plan, "COVERING INDEX tasks_dispatched_at (dispatched_at>?)") {
		t.Errorf("since:\n%s", plan)
	}
}

func explain(t *testing.T, l *Store, query string, args ...any) (plan string) {
	t.Helper()
	lines, err := readAll(ctx, l, func(row scanner) (text string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &text)
		return text, err
	}, "EXPLAIN QUERY PLAN "+query, args...)
	must(t, err)
	return strings.Join(lines, "\n") + "\n"
}

// Whatever a header, a reason or a failure repeats, Options.Mask masks it before it is stored
// and before it is cut.
func TestWhatIsStoredIsMasked(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{Mask: func(text string) string { return strings.ReplaceAll(text, "api-key", "***") }, tick: make(chan time.Time)})
	must(t, err)
	intend(t, l, ticket("a"), "p")
	d := callback(t, ticket("a"), final("req_1", ticket("a"), "42"))
	d.Header.Set("User-Agent", "of api-key")
	_, err = l.Store(ctx, d, store.Forwarding{Listener: "x", Targets: []string{"t"}})
	must(t, err)
	must(t, l.Write(ctx, &store.ForwardTried{Seq: 1, Target: "t", Failure: strings.Repeat("x", 497) + "api-key", At: start}))
	must(t, l.Write(ctx, &store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: "t", State: store.ForwardFailed, Failure: "an api-key", EndedAt: start}}))
	l.Refuse(ticket("a").Path, store.Refusal{ReceivedAt: start, StatusCode: 400, Reason: strings.Repeat("x", 197) + "api-key", Header: http.Header{"User-Agent": {"api-key"}, "X-Other": {"any"}}})
	must(t, l.Close())
	for _, text := range []string{"api-key", "xapi", "X-Other: any"} {
		if file := findSecret(t, dir, text); file != "" {
			t.Errorf("%s contains %q", file, text)
		}
	}
	for _, text := range []string{"of ***", "an ***", "X-Other: ***"} {
		if findSecret(t, dir, text) == "" {
			t.Errorf("no file contains %q", text)
		}
	}
}
