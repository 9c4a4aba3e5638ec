package await

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestManyTasksShareEightCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		inFlight, most, finished := 0, 0, map[string]bool{}
		p := NewPoller(PollerOptions{
			Pace: Pace{First: time.Second, Most: 5 * time.Second},
			Status: func(_ context.Context, id string) (*narada.Result, error) {
				mu.Lock()
				inFlight++
				most = max(most, inFlight)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				inFlight--
				finished[id] = true
				mu.Unlock()
				return success(t, "x"), nil
			},
			Offer: func(Answer) {},
		})
		defer p.Close()
		for i := range 100 {
			p.Watch(fmt.Sprint("req_", i), 0)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if most != mostInFlight || len(finished) != 100 {
			t.Errorf("%d calls at once, %d of 100 tasks asked for", most, len(finished))
		}
	})
}

// However many tasks are open, the cloud gets so many calls and no more.
func TestManyTasksShareABudget(t *testing.T) {
	for name, test := range map[string]struct {
		pace Pace
		most int // calls in a minute
	}{
		"polling alone":        {PaceAlone(3 * time.Second), 600},
		"beside an endpoint":   {PaceBeside(3 * time.Second), 120},
		"with a long interval": {PaceAlone(time.Hour), 120},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.pace)
				for i := range 10_000 {
					w.runner.Poller.Watch(fmt.Sprint("req_", i), 0)
				}
				w.runner.Poller.Hurry()
				time.Sleep(time.Minute)
				if n := len(w.cloud.polled()); n > test.most+1 || n < test.most/2 {
					t.Errorf("%d calls, want at most %d", n, test.most)
				}
			})
		})
	}
}

func TestHurryAsksAtOnceAndSetPaceKeepsAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceBeside(time.Hour))
		w.runner.Poller.Watch("req_1", w.runner.Poller.First())
		time.Sleep(time.Minute)
		w.runner.Poller.SetPace(PaceAlone(10 * time.Second))
		w.runner.Poller.Hurry()
		time.Sleep(15 * time.Second)
		w.runner.Poller.SetPace(PaceBeside(time.Hour))
		time.Sleep(time.Hour)
		want := []time.Duration{time.Minute, 70 * time.Second}
		if len(w.cloud.polled()) < 2 || w.cloud.polled()[0] != want[0] || w.cloud.polled()[1] != want[1] {
			t.Errorf("polled at %v, want %v first", w.cloud.polled(), want)
		}
		if len(w.cloud.polled()) > 3 {
			t.Errorf("the slow pace polled at %v", w.cloud.polled())
		}
	})
}

func TestStoppedTaskIsNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(time.Second))
		stop := w.runner.Poller.Watch("req_1", time.Second)
		stop()
		stop()
		time.Sleep(time.Minute)
		if len(w.cloud.polled()) != 0 {
			t.Errorf("polled at %v", w.cloud.polled())
		}
	})
}

func TestRetryAfterSlowsAllTasksDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(time.Second))
		w.cloud.status = func(n int) (*narada.Result, error) {
			if n == 1 {
				return nil, &narada.APIError{StatusCode: 429, RetryAfter: 30 * time.Second}
			}
			return success(t, "x"), nil
		}
		w.runner.Poller.Watch("req_1", 0)
		w.runner.Poller.Watch("req_2", 2*time.Second)
		time.Sleep(2 * time.Minute)
		if len(w.cloud.polled()) != 3 || w.cloud.polled()[1] < 30*time.Second {
			t.Errorf("polled at %v", w.cloud.polled())
		}
	})
}
