package batch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
)

// sentIn returns how many tasks may be sent in that time, if each is accepted.
func sentIn(t *testing.T, p *pace, d time.Duration) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for p.wait(ctx) == nil {
		p.accepted()
		n++
		time.Sleep(time.Millisecond) // a call
	}
	return n
}

func TestTheRateIsNotExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(5)
		if n := sentIn(t, p, 10*time.Second); n < 49 || n > 51 {
			t.Errorf("%d tasks in 10 s at 5/s", n)
		}
		time.Sleep(time.Hour) // turns are not saved up
		if n := sentIn(t, p, time.Second); n > 6 {
			t.Errorf("%d tasks in a second at 5/s", n)
		}
	})
}

func TestRetryAfterDelaysAllTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(0)
		sentIn(t, p, time.Second)
		p.refused(30 * time.Second)
		start := time.Now()
		if err := p.wait(t.Context()); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("waited %v, %v", time.Since(start), err)
		}
	})
}

func TestARefusalLowersTheRateForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(0)
		before := sentIn(t, p, 5*time.Second)
		p.refused(0)
		p.refused(0) // of the same moment: once is enough
		time.Sleep(shortHold)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		slow := 0
		for p.wait(ctx) == nil { // none of these is accepted
			slow++
			time.Sleep(time.Millisecond)
		}
		if slow > before*6/10 || slow < before*3/10 {
			t.Errorf("%d tasks after a 429, %d before", slow, before)
		}
		sentIn(t, p, 5*time.Second)
		if again := sentIn(t, p, 5*time.Second); again < before*9/10 {
			t.Errorf("%d tasks once they were accepted, %d before", again, before)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1.0 / 3600)
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		wrong := errors.New("wrong")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(wrong)
		if err := p.wait(ctx); err != wrong {
			t.Errorf("got %v", err)
		}
	})
}

func TestARefusedDispatchCallLowersThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(0)
		o := await.Options{Client: &busyClient{}}
		sending, stop := context.WithCancelCause(t.Context())
		(&run{pace: p, loop: loop{sending: sending}}).adjust(&o)
		start := time.Now()
		if _, err := o.Client.Dispatch(t.Context(), &narada.Request{}); err == nil {
			t.Fatal("it was not busy")
		}
		if err := o.Again(t.Context()); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("waited %v, %v", time.Since(start), err)
		}
		p.refused(time.Minute)
		stopped := errors.New("stopped")
		time.AfterFunc(time.Second, func() { stop(stopped) })
		start = time.Now()
		if err := o.Again(t.Context()); err != stopped || time.Since(start) != time.Second {
			t.Errorf("after a stop: waited %v, %v", time.Since(start), err)
		}
		<-o.Stopped
		limit := p.limit
		if _, err := o.Client.Dispatch(t.Context(), &narada.Request{}); err != nil || p.limit <= limit {
			t.Errorf("%v; %v a second, then %v", err, limit, p.limit)
		}
		if o.Source != "batch" || !o.Many {
			t.Errorf("%+v", o)
		}
	})
}

// busyClient refuses the first call with 429.
type busyClient struct {
	await.Client
	calls int
}

func (c *busyClient) Dispatch(context.Context, *narada.Request) (string, error) {
	if c.calls++; c.calls == 1 {
		return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 429, RetryAfter: 30 * time.Second}}
	}
	return "req_1", nil
}

func TestRatesAreParsed(t *testing.T) {
	for text, want := range map[string]float64{"5/s": 5, "30/m": 0.5, "36/h": 0.01, "2.5": 2.5} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "fast", "0/s", "-1/s", "NaN", "inf/s", "5/d", "5/s/s", "2e6/s"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
