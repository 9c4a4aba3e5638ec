package batch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// sentIn is how many tasks get their turn in a time, each accepted.
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

func TestARateIsKept(t *testing.T) {
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

func TestRetryAfterHoldsAll(t *testing.T) {
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

func TestTooManySlowsDownAndPasses(t *testing.T) {
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

func TestTheWaitForATurnEnds(t *testing.T) {
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
