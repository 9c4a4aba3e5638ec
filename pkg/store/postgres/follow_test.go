//go:build unix

package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// rawDeliver stores a callback in a transaction of the test.
func rawDeliver(t testing.TB, w *world, tx pgx.Tx, id string) {
	t.Helper()
	d, err := engine.NewDelivery(&store.Deliver{Delivery: storetest.Callback("a", id, "42")}, w.o.Mask)
	must(t, err)
	list := newDeliveries(&w.tickets)
	list.add(d)
	s := list.statement(w.committer.id, func(*engine.Delivery) {})
	_, err = tx.Exec(ctx, w.sql(s.query), s.args...)
	must(t, err)
}

// begin begins a transaction of its own, which has a number already.
func begin(t testing.TB, w *world) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(ctx, w.o.URL)
	must(t, err)
	t.Cleanup(func() { check(t, conn.Close(context.Background())) })
	tx, err := conn.Begin(ctx)
	must(t, err)
	_, err = tx.Exec(ctx, "SELECT pg_current_xact_id()")
	must(t, err)
	return tx
}

func TestFollowSeesTransactionsThatCommitInAnotherOrder(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	seen := w.follow()
	first, second, third := begin(t, w), begin(t, w), begin(t, w)
	rawDeliver(t, w, second, "req_second")
	written := make(chan error, 1)
	go func() { _, err := w.deliver("req_waits"); written <- err }()
	select {
	case <-written:
		t.Error("a callback was numbered while another transaction had the last number")
	case id := <-seen:
		t.Errorf("saw %s, which is not committed", id)
	case <-time.After(3 * pollInterval):
	}
	must(t, second.Commit(ctx))
	must(t, <-written)
	expect(t, seen, "req_second", "req_waits")
	rawDeliver(t, w, third, "req_undone")
	must(t, third.Rollback(ctx))
	rawDeliver(t, w, first, "req_first")
	must(t, first.Commit(ctx))
	expect(t, seen, "req_first")
	w.must("req_last")
	expect(t, seen, "req_last")
	same(t, "callbacks", []string{"req_second", "req_waits", "req_first", "req_last"}, w.ids())
}

func TestANotificationWakesFollowers(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: testServer(t).URL("postgres")})
	other := open(t, Options{URL: w.o.URL, Schema: w.o.Schema, look: time.Hour})
	seen := other.follow()
	eventually(t, "LISTEN", other.listens)
	for _, id := range []string{"req_1", "req_2", "req_3"} {
		w.must(id)
		expect(t, seen, id)
	}
	other.must("req_own")
	expect(t, seen, "req_own")
}

// The tables are small when the plans are made, and nobody analyzes them.
func TestStoringCallbacksDoesNotReadAllOthers(t *testing.T) {
	t.Parallel()
	s := newServer(t, "autovacuum = off")
	w := open(t, Options{URL: s.URL("postgres"), Connections: 1})
	w.Share(storetest.Callback("a", "req", "42").Ticket)
	const groups, size = 300, 4
	for g := range groups {
		var ops []store.Op
		for i := range size {
			ops = append(ops, &store.Deliver{Delivery: storetest.Callback("a", fmt.Sprintf("req_%d_%d", g, i), "42")})
		}
		must(t, w.Write(ctx, ops...))
	}
	w.close() // the server then counts what was read
	var read float64
	eventually(t, "the server's counters", func() bool {
		conn, err := pgx.Connect(ctx, w.o.URL)
		must(t, err)
		defer conn.Close(ctx)
		var added float64
		must(t, conn.QueryRow(ctx, "SELECT sum(n_tup_ins), sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_all_tables WHERE schemaname = $1 AND relname IN ('tasks', 'deliveries')", w.o.Schema).Scan(&added, &read))
		return added == 2*groups*size
	})
	if each := read / (groups * size); each > 10 {
		t.Errorf("%.0f rows were read for each callback", each)
	}
}
