package forward

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
)

// replica is a process with a memoryStore and its leases.
type replica struct {
	*memoryStore
	leases *leases
	asleep bool // it is stopped: it renews nothing
}

// leases are those of one listener and target.
type leases struct {
	mu     sync.Mutex
	number int64
	until  time.Time
}

func (r *replica) sleep(asleep bool) {
	r.leases.mu.Lock()
	defer r.leases.mu.Unlock()
	r.asleep = asleep
}

func (r *replica) LeaseForwarding(_ context.Context, _, _ string, number int64, d time.Duration) (int64, error) {
	l := r.leases
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case r.asleep:
		return 0, errors.New("the store is gone")
	case number == 0 && time.Now().Before(l.until):
		return 0, nil
	case number == 0:
		l.number++
	case number != l.number:
		return 0, nil
	}
	l.until = time.Now().Add(d)
	return l.number, nil
}

func (r *replica) Write(ctx context.Context, ops ...store.Op) error {
	r.leases.mu.Lock()
	number := r.leases.number
	r.leases.mu.Unlock()
	ended, ok := ops[0].(*store.ForwardEnded)
	if ok && ended.Lease != number {
		return store.ErrLeaseLost
	}
	return r.memoryStore.Write(ctx, ops...)
}

func TestOneReplicaForwardsWhatAllStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := &memoryStore{}, &leases{}
		targets := []*slowTarget{{takes: time.Second}, {takes: time.Second}}
		var running []*Forwarding
		for _, to := range targets {
			r := &replica{memoryStore: m, leases: l}
			running = append(running, start(t, Options{Store: r, Leases: r, Listener: "ci", Targets: []Target{to}}))
			synctest.Wait() // the first has the lease
		}
		m.add("ci", "target", "a", "a", "b")
		running[1].Wake()
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"a 1", "a 2", "b 3"}, sorted(targets[0].seen())); diff != "" || len(targets[1].seen()) > 0 {
			t.Errorf("%v %s", targets[1].seen(), diff)
		}
		// When it has ended, the other one forwards.
		running[0].Close(t.Context(), false)
		m.add("ci", "target", "c")
		time.Sleep(4 * leaseTry)
		if diff := cmp.Diff([]string{"c 4"}, targets[1].seen()); diff != "" {
			t.Error(diff)
		}
		m.add("ci", "target", "d")
		if notForwarded, waiting := running[1].Close(t.Context(), true); notForwarded != 0 || waiting != 0 {
			t.Errorf("%d were not forwarded, %d wait", notForwarded, waiting)
		}
	})
}

// seen returns what the target has taken.
func (s *slowTarget) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func TestAnotherReplicaForwardsWhenOneIsGoneForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l, e := &memoryStore{}, &leases{}, &events{}
		first, second := &replica{memoryStore: m, leases: l}, &replica{memoryStore: m, leases: l}
		slow, other := &slowTarget{takes: time.Hour}, &slowTarget{takes: time.Second}
		f := start(t, Options{Store: first, Leases: first, Listener: "ci", Targets: []Target{slow}, Report: e.report})
		synctest.Wait()
		g := start(t, Options{Store: second, Leases: second, Listener: "ci", Targets: []Target{other}})
		m.add("ci", "target", "a", "a", "b")
		time.Sleep(time.Minute)
		if len(slow.seen())+len(other.seen()) > 0 {
			t.Fatalf("%v %v", slow.seen(), other.seen())
		}
		first.sleep(true)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"a 1", "a 2", "b 3"}, sorted(other.seen())); diff != "" {
			t.Error(diff)
		}
		// It wakes up, and waits for the lease.
		first.sleep(false)
		m.add("ci", "target", "c")
		time.Sleep(time.Minute)
		g.Close(t.Context(), false)
		slow.mu.Lock()
		slow.takes = time.Second
		slow.mu.Unlock()
		m.add("ci", "target", "d")
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"d 5"}, slow.seen()); diff != "" {
			t.Error(diff)
		}
		f.Close(t.Context(), false)
		lost := slices.DeleteFunc(e.list, func(event string) bool { return !strings.HasPrefix(event, "forward.LeaseLost") })
		if diff := cmp.Diff([]string{"forward.LeaseLost{target}"}, lost); diff != "" {
			t.Error(diff)
		}
		for _, state := range m.states() {
			if !strings.Contains(state, " ci forwarded") {
				t.Error(state)
			}
		}
	})
}

func TestCallbacksOfAListenerThatDiesLaterAreAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memoryStore{}
		r := &replica{memoryStore: m, leases: &leases{}}
		to := &slowTarget{takes: time.Second}
		m.add("other", "target", "a")
		m.add("ci", "target", "b")
		began := time.Now()
		f := start(t, Options{Store: r, Leases: r, Listener: "ci", Targets: []Target{to}, Reserve: func(string) (func() error, bool, error) {
			return func() error { return nil }, time.Since(began) > time.Minute, nil
		}})
		time.Sleep(30 * time.Second)
		if diff := cmp.Diff([]string{"b 2"}, to.seen()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Minute)
		m.add("ci", "target", "c")
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"b 2", "a 1", "c 3"}, to.seen()); diff != "" {
			t.Error(diff)
		}
		f.Close(t.Context(), false)
	})
}

// It does not know yet that another one has the lease.
func TestAStaleReplicaDoesNotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := &memoryStore{}, &leases{}
		r := &replica{memoryStore: m, leases: l}
		to := &slowTarget{takes: time.Second}
		m.add("ci", "target", "a")
		f := start(t, Options{Store: r, Leases: r, Listener: "ci", Targets: []Target{to}})
		synctest.Wait()
		l.mu.Lock()
		l.number, l.until = l.number+1, time.Now().Add(time.Minute)
		l.mu.Unlock()
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff([]string{"a ci waiting "}, m.states()); diff != "" || len(to.seen()) != 1 {
			t.Errorf("%v %s", to.seen(), diff)
		}
		time.Sleep(2 * time.Minute) // the other one has died
		if diff := cmp.Diff([]string{"a ci forwarded "}, m.states()); diff != "" {
			t.Error(diff)
		}
		f.Close(t.Context(), false)
	})
}

// A replica with --count ends when nothing waits, whoever forwards it.
func TestADrainedReplicaWaitsForTheOneThatForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := &memoryStore{}, &leases{}
		one, other := &replica{memoryStore: m, leases: l}, &replica{memoryStore: m, leases: l}
		f := start(t, Options{Store: one, Leases: one, Listener: "ci", Targets: []Target{&slowTarget{takes: time.Minute}}})
		synctest.Wait()
		g := start(t, Options{Store: other, Leases: other, Listener: "ci", Targets: []Target{&slowTarget{}}})
		m.add("ci", "target", "a")
		began := time.Now()
		if notForwarded, waiting := g.Close(t.Context(), true); notForwarded != 0 || waiting != 0 || time.Since(began) < time.Minute {
			t.Errorf("%d were not forwarded, %d wait, after %v", notForwarded, waiting, time.Since(began))
		}
		f.Close(t.Context(), false)
	})
}
