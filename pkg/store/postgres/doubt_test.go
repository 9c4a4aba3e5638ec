//go:build unix

package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
	"github.com/narada-cli/narada/pkg/webhook"
)

var later = time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)

// kinds are writes of each kind, to a ledger with the tasks of the tickets t and refused.
var kinds = []struct {
	name string
	ops  func(t, refused int64) []store.Op
}{
	{"Intend", func(int64, int64) []store.Op {
		return []store.Op{&store.Intend{Intent: storetest.Intent("b")}, &store.Intend{Intent: storetest.Intent("c")}}
	}},
	{"Deliver", func(int64, int64) []store.Op {
		return []store.Op{&store.Deliver{Delivery: storetest.Callback("t", "req_new", "42")}}
	}},
	{"a repeated Deliver", func(int64, int64) []store.Op {
		return []store.Op{&store.Deliver{Delivery: storetest.Callback("z", "req_old", "42")}}
	}},
	{"PutBatch", func(int64, int64) []store.Op { return []store.Op{&store.PutBatch{Batch: testBatch("b")}} }},
	{"Accept", func(t, _ int64) []store.Op { return []store.Op{&store.Accept{Task: t, RequestID: "req_t", At: later}} }},
	{"Retry", func(_, refused int64) []store.Op { return []store.Op{&store.Retry{Task: refused, At: later}} }},
	{"all of them", func(t, refused int64) []store.Op {
		return []store.Op{
			&store.Deliver{Delivery: storetest.Callback("z", "req_old", "42")}, // a repeat
			&store.PutBatch{Batch: testBatch("b")},
			&store.Intend{Intent: storetest.Intent("b")},
			&store.Accept{Task: t, RequestID: "req_t", At: later},
			&store.Deliver{Delivery: storetest.Callback("t", "req_t", "42")},
			&store.Deliver{Delivery: storetest.Callback("t", "req_t", "42")}, // a repeat of one in the same transaction
			&store.Deliver{Delivery: storetest.Callback("t", "req_t", "43")}, // a further one
			&store.Retry{Task: refused, At: later},
			&store.PutBatch{Batch: testBatch("c")},
			&store.Deliver{Delivery: storetest.Callback("z", "req_other", "42")},
		}
	}},
}

// prepare writes what kinds need.
func prepare(w *world) (t, refused int64) {
	w.t.Helper()
	numbers, err := w.Intend(ctx, []store.Intent{storetest.Intent("t"), storetest.Intent("refused")})
	must(w.t, err)
	must(w.t, w.Write(ctx, &store.Refuse{Task: numbers[1], At: later}))
	_, err = w.Writes.Store(ctx, storetest.Callback("z", "req_old", "42"), store.Forwarding{})
	must(w.t, err)
	return numbers[0], numbers[1]
}

// outcome is what a write has set and stored.
type outcome struct {
	Results []string
	Stored  []string
	Listing string
}

func outcomeOf(w *world, ops []store.Op) (o outcome) {
	w.t.Helper()
	for _, op := range ops {
		switch op := op.(type) {
		case *store.Intend:
			o.Results = append(o.Results, fmt.Sprint("task ", op.Number))
		case *store.PutBatch:
			o.Results = append(o.Results, fmt.Sprint("batch ", op.Number))
		case *store.Deliver:
			o.Results = append(o.Results, fmt.Sprint("new ", op.IsNew))
		}
	}
	o.Stored, _ = w.told()
	var err error
	o.Listing, err = storetest.Listing(ctx, w.Store)
	must(w.t, err)
	return o
}

func TestAConnectionThatIsCutDuringACommit(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	for _, kind := range kinds {
		for name, c := range map[string]struct {
			actions      []action
			transactions int
			attempts     int // that were not committed
		}{
			"before the server has the transaction": {[]action{cutBefore}, 2, 1},
			"after the server has committed":        {[]action{cutAfter}, 1, 0},
			"three times":                           {[]action{cutBefore, cutBefore, cutAfter}, 3, 2},
		} {
			t.Run(kind.name+", "+name, func(t *testing.T) {
				t.Parallel()
				want := open(t, Options{URL: s.URL("postgres")})
				ops := kind.ops(prepare(want))
				for range c.attempts { // which have used numbers
					for _, op := range ops {
						switch op.(type) {
						case *store.Intend:
							must(t, s.Exec(ctx, "postgres", want.sql("SELECT nextval('@tasks_number_seq')")))
						case *store.PutBatch:
							must(t, s.Exec(ctx, "postgres", want.sql("SELECT nextval('@batches_number_seq')")))
						}
					}
				}
				must(t, want.Write(ctx, ops...))
				p := newProxy(t, s)
				w := open(t, Options{URL: p.url(s)})
				cut := kind.ops(prepare(w))
				p.next(c.actions...)
				must(t, w.Write(ctx, cut...))
				same(t, "transactions", c.transactions, p.transactions())
				same(t, "outcome", outcomeOf(want, ops), outcomeOf(w, cut))
				_, warned := w.told()
				same(t, "warnings", []string{}, warned)
			})
		}
	}
}

func TestATransactionThatReachesTheServerTooLateIsNotCommitted(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	p := newProxy(t, s)
	w := open(t, Options{URL: p.url(s)})
	w.must("req_1")
	p.next(cutLate)
	op := &store.Intend{Intent: storetest.Intent("b")}
	op.Ticket = webhook.Ticket{} // whose path could not be stored twice
	deliver := &store.Deliver{Delivery: storetest.Callback("a", "req_2", "42")}
	must(t, w.Write(ctx, op, deliver))
	p.release()
	same(t, "callbacks", []string{"req_1", "req_2"}, w.ids())
	if !deliver.IsNew {
		t.Error("the callback is a repeat")
	}
	numbers, err := readAll(ctx, w.Store, plain[int64], "SELECT number FROM @tasks WHERE source = 'run'")
	must(t, err)
	same(t, "tasks", []int64{op.Number}, numbers)
}

func TestWhatIsInDoubtForTooLongIsSettledLater(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	for _, committed := range []bool{true, false} {
		t.Run(fmt.Sprint("committed ", committed), func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, s)
			w := open(t, Options{URL: p.url(s), Connections: 1})
			direct := open(t, Options{URL: s.URL("postgres"), Schema: w.o.Schema})
			others := make(chan string, 100)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for e, err := range w.FollowOthers(ctx, 0, func() store.Wanted { return store.Wanted{Paths: []string{"/narada/a", "/narada/t", "/narada/z"}} }) {
					if err != nil {
						t.Error(err)
					}
					if others <- e.Result.RequestID; e.Result.RequestID == "req_last" {
						return
					}
				}
			}()
			_, refused := prepare(w)
			ops := []store.Op{&store.Intend{Intent: storetest.Intent("b")}, &store.Retry{Task: refused, At: later},
				&store.Deliver{Delivery: storetest.Callback("t", "req_2", "42")}}
			p.next(cutBefore)
			if committed {
				p.next(cutAfter)
			}
			p.refuse() // new connections
			began := time.Now()
			e := asError(t, w.Write(ctx, ops...))
			if took := time.Since(began); took > waitLimit {
				t.Errorf("it took %v", took)
			}
			if !e.Temporary() {
				t.Error(e)
			}
			stored, warned := w.told()
			same(t, "stored", []string{"req_old"}, stored)
			same(t, "warnings", 1, len(warned))

			p.setGone(false)
			intended := ops[0].(*store.Intend).Number
			if committed { // without another write
				eventually(t, "settled", func() bool { stored, _ := w.told(); return len(stored) == 2 })
				eventually(t, "refused", func() bool {
					b, ok, err := direct.Numbered(ctx, intended)
					r, _, _ := direct.Numbered(ctx, refused)
					return ok && err == nil && b.Status == narada.Status("refused") && r.Status == "refused"
				})
			} else {
				_, ok, err := direct.Numbered(ctx, intended)
				must(t, err)
				if ok {
					t.Error("the task was stored")
				}
			}
			isNew, err := w.Writes.Store(ctx, storetest.Callback("t", "req_2", "42"), store.Forwarding{}) // as the cloud repeats it
			must(t, err)
			if isNew == committed {
				t.Errorf("the repeated callback is new: %v", isNew)
			}
			stored, _ = w.told()
			same(t, "stored", []string{"req_old", "req_2"}, stored)
			direct.must("req_last")
			<-ended
			close(others)
			var seen []string
			for id := range others {
				seen = append(seen, id)
			}
			same(t, "seen by who follows others", []string{"req_last"}, seen)
		})
	}
}
