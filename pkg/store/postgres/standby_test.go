//go:build unix

package postgres

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// pair starts a primary with a synchronous standby.
func pair(t testing.TB) (primary, standby *postgrestest.Server) {
	t.Helper()
	primary = newServer(t)
	standby, err := primary.Standby(ctx, "s1")
	must(t, err)
	t.Cleanup(func() { check(t, standby.Close()) })
	exec(t, primary, "ALTER SYSTEM SET synchronous_standby_names = 's1'", "SELECT pg_reload_conf()")
	inSync(t, primary)
	return primary, standby
}

func inSync(t testing.TB, primary *postgrestest.Server) {
	t.Helper()
	conn, err := pgx.Connect(ctx, primary.URL("postgres"))
	must(t, err)
	defer conn.Close(ctx)
	eventually(t, "synchronous standby", func() bool {
		var n int
		err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").Scan(&n)
		return err == nil && n == 1
	})
}

// eitherOf returns the URL with both servers.
func eitherOf(primary, standby *postgrestest.Server) string {
	return at(primary, "postgres", func(u *url.URL) {
		u.Host += "," + address(standby)
		u.RawQuery += "&target_session_attrs=read-write"
	})
}

// cancelWait cancels the wait of a commit for the standby, as an administrator may.
func cancelWait(t testing.TB, primary *postgrestest.Server) {
	t.Helper()
	conn, err := pgx.Connect(ctx, primary.URL("postgres"))
	must(t, err)
	defer conn.Close(ctx)
	eventually(t, "cancelling the wait for the standby", func() bool {
		var n int
		err := conn.QueryRow(ctx, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&n)
		return err == nil && n > 0
	})
}

func TestAStandbyIsRefused(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	w := open(t, Options{URL: primary.URL("postgres")})
	where := "the store postgres on " + address(standby) + ": "
	const hint = "name all servers, and add ?target_session_attrs=read-write to the URL"
	want := described{Message: where + "it is a standby, which can only be read", Hint: hint, Unreachable: true, Temporary: true}
	same(t, "a standby", want, describe(failure(t, Options{URL: standby.URL("postgres"), Schema: w.o.Schema})))
	want.Message += " (target_session_attrs)"
	u := at(standby, "postgres", func(u *url.URL) { u.RawQuery += "&target_session_attrs=read-write" })
	same(t, "a standby and target_session_attrs", want, describe(failure(t, Options{URL: u, Schema: w.o.Schema})))
	exec(t, primary, "ALTER ROLE postgres SET default_transaction_read_only = on")
	same(t, "a role that only reads", "the store postgres on "+address(primary)+": it is a standby, which can only be read",
		failure(t, Options{URL: primary.URL("postgres"), Schema: w.o.Schema}).Error())
}

func TestACommitThatTheStandbyHasNotConfirmedIsSettledLater(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	w := open(t, Options{URL: primary.URL("postgres")})
	w.must("req_1")
	standby.Stop()
	intend := &store.Intend{Intent: storetest.Intent("b")}
	written := make(chan error, 1)
	go func() {
		written <- w.Write(ctx, intend, &store.Deliver{Delivery: storetest.Callback("a", "req_2", "42")})
	}()
	cancelWait(t, primary)
	same(t, "failure", described{Message: "the store postgres on " + address(primary) + ": the standby has not confirmed the commit", Temporary: true}, describe(asError(t, <-written)))
	time.Sleep(settleInterval + connectLimit/2) // asking does not help
	stored, _ := w.told()
	same(t, "stored", []string{"req_1"}, stored)
	must(t, standby.Start(ctx))
	eventually(t, "settled", func() bool { stored, _ := w.told(); return len(stored) == 2 })
	if isNew, err := w.deliver("req_2"); isNew || err != nil {
		t.Errorf("the repeated callback is new: %v, %v", isNew, err)
	}
	task, _, err := w.Numbered(ctx, intend.Number)
	must(t, err)
	same(t, "the task that was not sent", "refused", string(task.Status))
	stored, _ = w.told()
	same(t, "stored", []string{"req_1", "req_2"}, stored)
}

func TestACopyThatTheStandbyHasNotConfirmedSaysSo(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	w := open(t, Options{URL: primary.URL("postgres")})
	standby.Stop()
	copied := make(chan error, 1)
	go func() {
		copied <- w.Import(ctx, func(writer engine.Writer) error {
			return writer.Finish(ctx, map[string]int64{"deliveries": 7})
		})
	}()
	cancelWait(t, primary)
	e := asError(t, <-copied)
	same(t, "failure", "the store postgres on "+address(primary)+": the standby has not confirmed the commit", e.Error())
	if last, err := w.Last(ctx); !e.NotSync() || last != 7 || err != nil {
		t.Errorf("it is not there: %v, %d, %v", e.NotSync(), last, err)
	}
	must(t, standby.Start(ctx))
}

// Callbacks and finished lines that others have seen, and that are lost with the server, leave
// no numbers to those that come later: whoever follows them would miss these.
func TestNumbersThatAreLostWithTheServerAreNotGivenAgain(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	w := open(t, Options{URL: eitherOf(primary, standby)})
	other := w.again()
	seen := other.follow()
	put := &store.PutBatch{Batch: testBatch("b")}
	must(t, w.Write(ctx, put))
	ops := []store.Op{&store.OpenWork{Batch: put.Number, Options: "{}"}}
	for _, key := range []string{"a", "b", "c"} {
		ops = append(ops, &store.QueueLine{Item: store.Item{Batch: put.Number, Key: []byte(key), Line: 1}, Intent: storetest.Intent(key)})
	}
	must(t, w.Write(ctx, append(ops, &store.Claim{Batch: put.Number, Owner: "o", Call: 1, Max: 3, Limits: store.ClaimLimits{Concurrency: 3, Lease: time.Hour}, At: later})...))
	lines, err := w.Claimed(ctx, "o", 1)
	must(t, err)
	same(t, "claimed", 3, len(lines))
	var after int64
	write := func(i int, id string) error {
		return w.Write(ctx, &store.Deliver{Delivery: storetest.Callback("a", id, "42")}, &store.FinishLine{HeldLine: store.HeldLine{Batch: put.Number, Key: lines[i].Key, Fence: lines[i].Fence}})
	}
	expectBoth := func(i int, id string) {
		t.Helper()
		expect(t, seen, id)
		keys, last, err := other.FinishedLines(ctx, put.Number, after, 10)
		must(t, err)
		same(t, "finished", [][]byte{lines[i].Key}, keys)
		after = last
	}
	must(t, write(0, "req_1"))
	expectBoth(0, "req_1")

	standby.Stop()
	written := make(chan error, 1)
	go func() { written <- write(1, "req_lost") }()
	cancelWait(t, primary)
	asError(t, <-written)
	expectBoth(1, "req_lost")
	primary.Kill()
	must(t, standby.Start(ctx))
	must(t, standby.Promote(ctx))
	eventually(t, "a write after the failover", func() bool { return write(2, "req_2") == nil })
	expectBoth(2, "req_2")
	must(t, write(1, "req_lost"))
	expectBoth(1, "req_lost")
	same(t, "callbacks", []string{"req_1", "req_2", "req_lost"}, w.ids())
}

// A server that does not tell its timeline may be another one after each start: the numbers
// that it gives begin after a gap, as then.
func TestAServerThatTellsNoTimelineLeavesAGapAfterEachStart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	exec(t, s, "REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC", "CREATE ROLE owner LOGIN", "CREATE SCHEMA ledger AUTHORIZATION owner")
	w := open(t, Options{URL: at(s, "postgres", as("owner", "")), Schema: "ledger"})
	put := &store.PutBatch{Batch: testBatch("b")}
	must(t, w.Write(ctx, put))
	ops := []store.Op{&store.OpenWork{Batch: put.Number, Options: "{}"}}
	for _, key := range []string{"a", "b"} {
		ops = append(ops, &store.QueueLine{Item: store.Item{Batch: put.Number, Key: []byte(key), Line: 1}, Intent: storetest.Intent(key)})
	}
	must(t, w.Write(ctx, append(ops, &store.Claim{Batch: put.Number, Owner: "o", Call: 1, Max: 2, Limits: store.ClaimLimits{Concurrency: 2, Lease: time.Hour}, At: later})...))
	lines, err := w.Claimed(ctx, "o", 1)
	must(t, err)
	all := open(t, Options{URL: at(s, "postgres", func(u *url.URL) { u.RawQuery += "&TimeZone=Asia/Tokyo&DateStyle=German" }), Schema: "ledger"}) // is told, and gives the same numbers
	for i, one := range []*world{w, all} {
		if i > 0 {
			s.Stop()
			must(t, s.Start(ctx))
		}
		eventually(t, "a write", func() bool { _, err := w.deliver(fmt.Sprint("req_", i)); return err == nil })
		one.must(fmt.Sprint("req_again_", i))
		must(t, one.Write(ctx, &store.FinishLine{HeldLine: store.HeldLine{Batch: put.Number, Key: lines[i].Key, Fence: lines[i].Fence}}))
	}
	const gap = 1 << 32
	seqs, err := readAll(ctx, w.Store, plain[int64], "SELECT seq FROM @deliveries ORDER BY seq")
	must(t, err)
	same(t, "callbacks", []int64{1, 2, gap + 3, gap + 4}, seqs)
	finished, err := readAll(ctx, w.Store, plain[int64], "SELECT finished FROM @batch_queue ORDER BY finished")
	must(t, err)
	same(t, "finished lines", []int64{1, gap + 2}, finished)
}

func TestFailover(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	first := open(t, Options{URL: eitherOf(primary, standby)})
	stores := []*world{first, first.again(), first.again()}
	seen := stores[2].follow()
	var (
		writers  sync.WaitGroup
		mu       sync.Mutex
		acked    []string
		intended = map[int64]string{}
		stop     atomic.Bool
	)
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked)
	}
	for i, w := range stores {
		for j := range 3 {
			writers.Go(func() {
				for n := 0; !stop.Load(); n++ {
					id := fmt.Sprintf("req_%d_%d_%d", i, j, n)
					op := &store.Intend{Intent: storetest.Intent(id)}
					if w.Write(ctx, op) != nil {
						continue // not sent
					}
					mu.Lock()
					intended[op.Number] = "/narada/" + id
					mu.Unlock()
					for w.Deliver(ctx, storetest.Callback(id, id, "42")) != nil { // the cloud repeats it
					}
					mu.Lock()
					acked = append(acked, id)
					mu.Unlock()
				}
			})
		}
	}
	eventually(t, "callbacks", func() bool { return count() > 200 })
	primary.Kill()
	must(t, standby.Promote(ctx))
	before := count()
	eventually(t, "callbacks after the failover", func() bool { return count() > before+200 })
	stop.Store(true)
	writers.Wait()

	ids := first.ids()
	slices.Sort(ids)
	slices.Sort(acked)
	same(t, "callbacks", acked, ids)
	tasks := map[int64]string{}
	must(t, first.Tasks(ctx, store.Query{}, func(task store.Task) error {
		if task.RequestID != "" { // others were not sent
			tasks[task.Number] = task.TicketPath
		} else if task.Status != "refused" {
			t.Errorf("task %d is %s", task.Number, task.Status)
		}
		return nil
	}))
	same(t, "tasks", intended, tasks)
	var told []string
	for _, w := range stores {
		stored, _ := w.told()
		told = append(told, stored...)
	}
	slices.Sort(told)
	same(t, "Stored", acked, told)
	var followed []string
	for range acked {
		select {
		case id := <-seen:
			followed = append(followed, id)
		case <-time.After(waitLimit):
			t.Fatalf("followers saw %d of %d", len(followed), len(acked))
		}
	}
	slices.Sort(followed)
	same(t, "followed", acked, followed)
}
