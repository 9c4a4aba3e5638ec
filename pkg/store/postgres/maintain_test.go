//go:build unix

package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// refused adds a task that was refused at that time.
func (w *world) refused(name string, at time.Time) (number int64) {
	w.t.Helper()
	op := &store.Intend{Intent: storetest.Intent(name)}
	op.At = at
	must(w.t, w.Write(ctx, op))
	must(w.t, w.Write(ctx, &store.Refuse{Task: op.Number, At: at}))
	return op.Number
}

func (w *world) count(table string) int {
	w.t.Helper()
	n, _, err := readOne(ctx, w.Store, plain[int], "SELECT count(*) FROM @"+table)
	must(w.t, err)
	return n
}

// direct connects without a Store.
func (w *world) direct() *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(ctx, w.o.URL)
	must(w.t, err)
	w.t.Cleanup(func() { check(w.t, conn.Close(ctx)) })
	return conn
}

func TestMaintenanceWaitsForNoOtherProcess(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	w.refused("a", later.Add(-24*time.Hour))
	tx, err := w.direct().Begin(ctx)
	must(t, err)
	_, err = tx.Exec(ctx, w.sql("SELECT 1 FROM @maintenance FOR UPDATE"))
	must(t, err)
	if more, err := w.Maintain(ctx, time.Hour); more || err != nil || w.count("tasks") != 1 {
		t.Errorf("got %v, %v, with %d tasks", more, err, w.count("tasks"))
	}
	must(t, tx.Rollback(ctx))
	_, err = w.Maintain(ctx, time.Hour)
	must(t, err)
	same(t, "tasks", 0, w.count("tasks"))

	w.refused("b", later)
	direct := w.direct()
	for due, want := range map[string]int{
		"clock_timestamp() + interval '9 minutes'": 1, "clock_timestamp() - interval '1 second'": 0, "clock_timestamp() + interval '1 year'": 0, // the server's clock was wrong
	} {
		w.refused(due, later)
		_, err := direct.Exec(ctx, w.sql("UPDATE @maintenance SET due_at = "+due), pgx.QueryExecModeSimpleProtocol)
		must(t, err)
		before := w.count("tasks")
		_, err = w.Maintain(ctx, time.Hour)
		must(t, err)
		same(t, due, before*want, w.count("tasks"))
	}
}

// Such a role can do all else.
func TestARoleThatMayNotDeleteIsToldSo(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	exec(t, s, "DROP DATABASE IF EXISTS kept WITH (FORCE)", "DROP ROLE IF EXISTS keeper", "CREATE DATABASE kept", "CREATE ROLE keeper LOGIN")
	owner := open(t, Options{URL: s.URL("kept"), Schema: "ledger"})
	must(t, s.Exec(ctx, "kept", "GRANT USAGE ON SCHEMA ledger TO keeper; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA ledger TO keeper; GRANT ALL ON ALL SEQUENCES IN SCHEMA ledger TO keeper"))
	w := open(t, Options{URL: at(s, "kept", as("keeper", "")), Schema: "ledger"})
	old := open(t, Options{URL: w.o.URL, Schema: "ledger"})
	told, untold := make(chan error, 1), make(chan error, 1)
	w.Retain(time.Hour, func(err error) { told <- err })
	old.Retain(0, func(err error) { untold <- err }) // is not asked to delete tasks
	w.refused("a", later.Add(-24*time.Hour))
	w.must("req_1", "req_2")
	_, err := w.PutBatch(ctx, testBatch("b"))
	must(t, err)
	e := asError(t, <-told)
	sql, ok := strings.CutPrefix(e.Hint(), "an administrator runs: ")
	if !ok || !strings.HasPrefix(e.Error(), "the store kept on "+address(s)+": permission denied for table ") {
		t.Fatalf("%v; %s", e, e.Hint())
	}
	same(t, "tasks", 2, owner.count("tasks"))
	must(t, s.Exec(ctx, "kept", sql))
	_, err = w.Maintain(ctx, time.Hour)
	must(t, err)
	old.close()
	same(t, "tasks, and what the other was told", []int{0, 0}, []int{owner.count("tasks"), len(untold)})
}

func TestLeasesThatEndedLongAgoAreDeleted(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	for _, name := range []string{"running", "dead"} {
		one := store.Listener{ID: name, Name: name, URL: "https://a.example/" + name, Lease: time.Hour, Ticket: storetest.Intent(name).Ticket}
		_, err := w.RegisterListener(ctx, one, false)
		must(t, err)
		number, err := w.LeaseForwarding(ctx, name, "http://localhost/", 0, time.Hour)
		if number == 0 || err != nil {
			t.Fatalf("no lease: %v", err)
		}
	}
	_, err := w.direct().Exec(ctx, w.sql(`UPDATE @listeners SET lease_until = clock_timestamp() - interval '25 hours' WHERE name = 'dead';
		UPDATE @forwarders SET lease_until = clock_timestamp() - CASE WHEN listener = 'dead' THEN interval '25 hours' ELSE interval '23 hours' END`), pgx.QueryExecModeSimpleProtocol)
	must(t, err)
	_, err = w.Maintain(ctx, 0)
	must(t, err)
	same(t, "listeners, forwarders", []int{1, 1}, []int{w.count("listeners"), w.count("forwarders")})
	list, err := w.RunningListeners(ctx)
	must(t, err)
	if number, err := w.LeaseForwarding(ctx, "dead", "http://localhost/", 0, time.Hour); number == 0 || err != nil {
		t.Errorf("no lease again: %v", err)
	}
	if len(list) != 0 { // it is not ready
		t.Errorf("running: %+v", list)
	}
}

// A callback that is stored while Prune looks at its task waits to be forwarded.
func TestACallbackThatIsBeingStoredKeepsItsTask(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	w.must("req_1")
	conn := w.direct()
	tx, err := conn.Begin(ctx)
	must(t, err)
	_, err = tx.Exec(ctx, w.sql("SELECT 1 FROM @tasks FOR UPDATE"))
	must(t, err)
	pruned := make(chan int64, 1)
	go func() {
		n, err := w.Prune(ctx, store.Limits{Before: later})
		check(t, err)
		pruned <- n
	}()
	w.blocked(conn)
	_, err = tx.Exec(ctx, w.sql("INSERT INTO @forwards (seq, target, listener, request_id, state) VALUES (1, 'http://localhost/', 'a', 'req_1', 'waiting')"))
	must(t, err)
	must(t, tx.Commit(ctx))
	same(t, "pruned", int64(0), <-pruned)
	same(t, "tasks, callbacks, forwards", []int{1, 1, 1}, []int{w.count("tasks"), w.count("deliveries"), w.count("forwards")})
}

func TestABackupCanBeRestored(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	w := open(t, Options{URL: s.URL("postgres")})
	w.refused("a\x00", later)
	w.must("req_1", "req_2")
	put := &store.PutBatch{Batch: testBatch("b")}
	must(t, w.Write(ctx, put))
	exec(t, s, "DROP DATABASE IF EXISTS restored WITH (FORCE)", "CREATE DATABASE restored")
	must(t, s.Backup(ctx, "postgres", w.o.Schema, "restored")) // while it is open
	restored := open(t, Options{URL: s.URL("restored"), Schema: w.o.Schema})
	want, err := storetest.Listing(ctx, w.Store)
	must(t, err)
	got, err := storetest.Listing(ctx, restored.Store)
	must(t, err)
	same(t, "ledger", want, got)
	if isNew, err := restored.deliver("req_1"); isNew || err != nil {
		t.Errorf("a callback of the backup is new: %v", err)
	}
	restored.must("req_3")
	last, err := restored.Last(ctx)
	must(t, err)
	same(t, "number", int64(3), last)
}
