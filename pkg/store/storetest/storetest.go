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
	"testing"

	"github.com/narada-cli/narada/pkg/store"
)

// Store is an engine of the ledger.
type Store = store.Ledger

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
		{"forward", forwardTests}, {"batch", batchTests}, {"claim", claimTests}, {"text", textTests}, {"query", queryTests}, {"usage", usageTests}, {"prune", pruneTests}, {"process", processTests}, {"listener", listenerTests}, {"session", sessionTests},
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
