package await

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

// newTestPoller is a poller between fakes.
func newTestPoller(t *testing.T, p pace) (*poller, *fakeCloud) {
	cloud := &fakeCloud{start: time.Now()}
	cloud.answers(pending(t))
	poller := newPoller(pollerOptions{
		status: cloud.Status, pace: p, answer: func(string, *narada.Result) {}, failed: func(string, error, int, bool) {},
	})
	t.Cleanup(poller.close)
	return poller, cloud
}

func watchID(p *poller, id string, atOnce bool) (stop func()) {
	return p.watch(watch{id: id}, atOnce, time.Time{})
}

func TestAtMostEightStatusCallsAreInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		inFlight, most, finished := 0, 0, map[string]bool{}
		p := newPoller(pollerOptions{
			pace: pace{first: time.Second, max: 5 * time.Second},
			status: func(_ context.Context, id string) (*narada.Result, error) {
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
			answer: func(string, *narada.Result) {},
		})
		defer p.close()
		for i := range 100 {
			watchID(p, fmt.Sprint("req_", i), true)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if most != maxInFlight || len(finished) != 100 {
			t.Errorf("%d calls at once, %d of 100 tasks polled", most, len(finished))
		}
	})
}

func TestTheRateOfStatusCallsIsLimitedForAllTasksTogether(t *testing.T) {
	for name, test := range map[string]struct {
		pace pace
		most int // calls in a minute
	}{
		"polling alone":        {paceAlone(3 * time.Second), 600},
		"beside an endpoint":   {paceBeside(3 * time.Second), 120},
		"with a long interval": {paceAlone(time.Hour), 120},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, cloud := newTestPoller(t, test.pace)
				for i := range 10_000 {
					watchID(p, fmt.Sprint("req_", i), true)
				}
				p.setPace(test.pace, true)
				time.Sleep(time.Minute)
				if n := len(cloud.polled()); n > test.most+1 || n < test.most/2 {
					t.Errorf("%d calls, want at most %d", n, test.most)
				}
			})
		})
	}
}

func TestANewPaceAppliesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cloud := newTestPoller(t, paceBeside(time.Hour))
		watchID(p, "req_1", false)
		time.Sleep(time.Minute)
		p.setPace(paceAlone(10*time.Second), true)
		time.Sleep(15 * time.Second)
		p.setPace(paceBeside(time.Hour), false)
		time.Sleep(time.Hour)
		polls := cloud.polled()
		if len(polls) > 3 {
			t.Fatalf("the slow pace polled at %v", polls)
		}
		if diff := cmp.Diff([]time.Duration{time.Minute, 70 * time.Second}, polls[:2]); diff != "" {
			t.Error(diff)
		}
	})
}

// It is polled as without an endpoint, and a change of the endpoint makes no difference.
func TestATaskThatOnlyPollsCanAnswerHasItsOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := &fakeCloud{start: time.Now()}
		cloud.answers(pending(t))
		p := newPoller(pollerOptions{
			status: cloud.Status, pace: paceBeside(3 * time.Second), alone: paceAlone(3 * time.Second),
			answer: func(string, *narada.Result) {}, failed: func(string, error, int, bool) {},
		})
		t.Cleanup(p.close)
		p.watch(watch{id: "req_alone", alone: true}, true, time.Time{})
		time.Sleep(14 * time.Second)
		p.setPace(paceBeside(3*time.Second), false)
		time.Sleep(time.Minute)
		polls := cloud.polled()
		if len(polls) < 10 || polls[1] != 3*time.Second || polls[2]-polls[1] > 4*time.Second {
			t.Errorf("polled at %v", polls)
		}
	})
}

func TestAStoppedTaskIsNotPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cloud := newTestPoller(t, paceAlone(time.Second))
		stop := watchID(p, "req_1", false)
		stop()
		stop()
		time.Sleep(time.Minute)
		if len(cloud.polled()) != 0 {
			t.Errorf("polled at %v", cloud.polled())
		}
	})
}

func TestRetryAfterDelaysAllTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cloud := newTestPoller(t, paceAlone(time.Second))
		cloud.status = func(n int, _ string) (*narada.Result, error) {
			if n == 1 {
				return nil, &narada.APIError{StatusCode: 429, RetryAfter: 30 * time.Second}
			}
			return success(t, "x"), nil
		}
		watchID(p, "req_1", true)
		watchID(p, "req_2", false)
		time.Sleep(10 * time.Second)
		watchID(p, "req_3", true)
		time.Sleep(2 * time.Minute)
		if polls := cloud.polled(); len(polls) != 4 || polls[1] < 30*time.Second {
			t.Errorf("polled at %v", polls)
		}
	})
}

func TestTheLastPollIsOnTimeDuringARetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cloud := newTestPoller(t, paceAlone(time.Second))
		var last atomic.Int64
		cloud.status = func(_ int, id string) (*narada.Result, error) {
			if id == "req_short" {
				last.Store(int64(time.Since(cloud.start)))
			}
			return nil, &narada.APIError{StatusCode: 429, RetryAfter: 5 * time.Minute}
		}
		for i := range 10 {
			watchID(p, fmt.Sprint("req_", i), true)
		}
		p.watch(watch{id: "req_short"}, false, cloud.start.Add(time.Minute))
		time.Sleep(2 * time.Minute)
		if got := time.Duration(last.Load()); got != 58*time.Second {
			t.Errorf("the last look was after %v", got)
		}
	})
}

func TestAPollUnderWayIsRepeatedWhenTheNewPaceStartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cloud := newTestPoller(t, paceBeside(time.Hour))
		cloud.status = func(int, string) (*narada.Result, error) {
			time.Sleep(10 * time.Second)
			return pending(t), nil
		}
		watchID(p, "req_1", true)
		time.Sleep(time.Second)
		p.setPace(paceAlone(time.Hour), true)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]time.Duration{0, 10 * time.Second}, cloud.polled()); diff != "" {
			t.Error(diff)
		}
	})
}
