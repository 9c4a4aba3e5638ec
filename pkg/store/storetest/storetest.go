// Package storetest has the tests that every engine of package store must pass.
//
//	func TestMain(m *testing.M) {
//		storetest.Child(open) // the suite starts this binary again, as other processes
//		os.Exit(m.Run())
//	}
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Opener {
//			return storetest.Opener{Name: t.TempDir(), Open: open}
//		})
//	}
//
// It waits for events, never for time to pass.
package storetest

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Store has the methods of an engine. Several processes have the same ledger open at the
// same time, each with a Store that many goroutines use. What one has written the others
// read at once.
type Store interface {
	store.Writer
	PlaceItems(ctx context.Context, batch int64, items []store.Item) (known, changed, gone int, err error)

	// Share marks the path of a ticket as shared by several tasks, for this Store only.
	Share(webhook.Ticket)
	webhook.TicketStore // of all tasks, finished ones too

	// Refuse notes a callback that was not accepted, and stores it later.
	Refuse(path string, r store.Refusal)

	Last(context.Context) (seq int64, err error)
	Follow(ctx context.Context, after int64) iter.Seq2[store.Entry, error]
	FollowOthers(ctx context.Context, after int64) iter.Seq2[store.Entry, error]

	Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error
	Task(ctx context.Context, requestID string) (t store.Task, ok bool, err error)
	Numbered(ctx context.Context, number int64) (t store.Task, ok bool, err error)
	Newest(context.Context) (t store.Task, ok bool, err error)

	Request(context.Context, store.Task) (json.RawMessage, error)
	Final(context.Context, store.Task) (*narada.Result, error)
	Deliveries(context.Context, store.Task) ([]store.Delivery, error)
	Refusals(context.Context, store.Task) ([]store.Refusal, error)
	RecentRefusals(ctx context.Context, limit int) ([]store.Refusal, error)
	Events(context.Context, store.Task) ([]store.Event, error)
	Callback(ctx context.Context, seq int64) (d store.Delivery, ok bool, err error)

	Forwards(context.Context, store.Task) ([]store.Forward, error)
	WaitingForwards(ctx context.Context, target, listener string, after int64, limit int) ([]store.Forward, error)
	FailedForwards(ctx context.Context, after store.Forward, limit int) ([]store.Forward, error)
	ForwardContent(ctx context.Context, f store.Forward) (header http.Header, body []byte, ok bool, err error)
	ForwardListeners(ctx context.Context, target string) ([]string, error)
	CountForwards(ctx context.Context, state store.ForwardState, target, listener string) (int, error)

	Batch(ctx context.Context, name string) (b store.Batch, ok bool, err error)
	Batches(ctx context.Context, yield func(store.Batch, store.Tally) error) error
	Tally(ctx context.Context, batch int64) (store.Tally, error)
	Items(ctx context.Context, batch int64, keys [][]byte) ([]store.ItemTask, error)
	EachItem(ctx context.Context, batch int64, yield func(store.ItemTask) error) error

	Prunable(ctx context.Context, limits store.Limits) (store.Prunable, error)
	Prune(ctx context.Context, limits store.Limits) (count int64, err error)

	Check(context.Context) (damages []string, err error)
	Info(context.Context) (store.Info, error)
	Size() int64
	Close() error
}

// Opener opens a ledger, which is empty at first, any number of times.
type Opener struct {
	Name string // identifies the ledger to other processes
	Open OpenFunc
}

// OpenFunc opens the ledger of that name. stored, which may be nil, is called with each
// callback that this Store has stored and that is not Unlisted, in order, before it is
// acknowledged.
type OpenFunc func(ctx context.Context, name string, stored func(store.Entry)) (Store, error)

// Run runs the suite. Each test has a ledger of its own, which newLedger makes.
func Run(t *testing.T, newLedger func(*testing.T) Opener) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"write", writeTests}, {"task", taskTests}, {"callback", callbackTests}, {"follow", followTests}, {"event", eventTests},
		{"forward", forwardTests}, {"batch", batchTests}, {"query", queryTests}, {"prune", pruneTests}, {"process", processTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel() // they wait for the disk
					test.run(ledger{t, newLedger(t)})
				})
			}
		})
	}
}

// test is a test of the suite; its name is a sentence.
type test struct {
	name string
	run  func(ledger)
}
