package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/store"
)

// line is a queue, and a target that takes a second for each callback.
type line struct {
	mu        sync.Mutex
	waiting   []store.Forward
	forwarded []string
	now       map[string]int // being forwarded, by request ID
	most      int            // at once
	overlap   bool           // two of one request ID were
	err       error
}

func (l *line) add(ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.waiting = append(l.waiting, store.Forward{Seq: int64(len(l.waiting) + 1), RequestID: id})
	}
}

func (l *line) next(_ context.Context, after int64, limit int) ([]store.Forward, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.waiting[after:])
	return list[:min(limit, len(list))], l.err
}

func (l *line) forward(w store.Forward) error {
	l.mu.Lock()
	if l.now == nil {
		l.now = map[string]int{}
	}
	l.now[w.RequestID]++
	l.most, l.overlap = max(l.most, len(l.now)), l.overlap || l.now[w.RequestID] > 1
	l.mu.Unlock()
	time.Sleep(time.Second)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.now, w.RequestID)
	l.forwarded = append(l.forwarded, fmt.Sprint(w.Seq))
	return nil
}

func closedChannel() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func TestCallbacksOfOneTaskAreForwardedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		for i := range 3000 {
			l.add(fmt.Sprint("req_", i%100), fmt.Sprint("req_", i%100))
		}
		if err := newScheduler(16, l.next, l.forward).run(t.Context(), closedChannel()); err != nil {
			t.Fatal(err)
		}
		last := map[string]int64{}
		for _, seq := range l.forwarded {
			var n int64
			_, _ = fmt.Sscan(seq, &n)
			id := l.waiting[n-1].RequestID
			if last[id] > n {
				t.Fatalf("%d after %d", n, last[id])
			}
			last[id] = n
		}
		if len(l.forwarded) != 6000 || l.overlap || l.most != 16 {
			t.Errorf("%d were forwarded, %d at once, overlap %v", len(l.forwarded), l.most, l.overlap)
		}
	})
}

func TestOneWorkerForwardsOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		l.add("a", "b", "a", "c")
		if err := newScheduler(1, l.next, l.forward).run(t.Context(), closedChannel()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1", "2", "3", "4"}, l.forwarded); diff != "" || l.most != 1 {
			t.Errorf("%d at once: %s", l.most, diff)
		}
	})
}

func TestLaterCallbacksAreForwarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		f := newScheduler(16, l.next, l.forward)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.run(ctx, nil) }()
		for i := range 3 {
			time.Sleep(time.Minute)
			l.add(fmt.Sprint(i))
			f.wakeUp()
		}
		time.Sleep(time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"1", "2", "3"}, l.forwarded); diff != "" {
			t.Error(diff)
		}
	})
}

// Nothing else is started.
func TestTheEndWaitsForForwardsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		l.add("a", "a", "b", "c")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := newScheduler(2, l.next, l.forward).run(ctx, nil); err != nil {
			t.Fatal(err)
		}
		slices.Sort(l.forwarded)
		if diff := cmp.Diff([]string{"1", "3"}, l.forwarded); diff != "" {
			t.Error(diff)
		}
	})
}

// A stopped callback still waits, and so do the later ones of its task.
func TestNoCallbackOvertakesAStoppedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		l.add("a", "a", "b", "c")
		err := newScheduler(2, l.next, func(w store.Forward) error {
			if w.Seq == 1 {
				return deliver.ErrStopped
			}
			return l.forward(w)
		}).run(t.Context(), nil)
		if diff := cmp.Diff([]string{"3"}, l.forwarded); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	})
}

func TestErrorsEndTheScheduler(t *testing.T) {
	wrong := errors.New("wrong")
	synctest.Test(t, func(t *testing.T) {
		l := line{err: wrong}
		if err := newScheduler(1, l.next, l.forward).run(t.Context(), nil); err != wrong {
			t.Errorf("the queue's: %v", err)
		}
		l = line{}
		l.add("a", "b", "c")
		err := newScheduler(2, l.next, func(w store.Forward) error {
			if w.RequestID == "a" {
				return wrong
			}
			return l.forward(w)
		}).run(t.Context(), nil)
		if diff := cmp.Diff([]string{"2"}, l.forwarded); err != wrong || diff != "" {
			t.Errorf("that of forwarding: %v %s", err, diff)
		}
	})
}
