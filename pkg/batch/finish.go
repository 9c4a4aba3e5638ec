package batch

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// storeLimit is how long, after a stop, outcomes wait for the store once no task is in flight.
const storeLimit = 5 * time.Second

// done implements lines.
func (c *claims) done(_ context.Context, one *inFlight) {
	c.mu.Lock()
	c.flying, c.landed = c.flying-1, time.Time{}
	c.mu.Unlock()
	c.finish(one)
}

// finish takes the outcome of a line. One that other workers may find is left to them.
func (c *claims) finish(one *inFlight) {
	o, line := &one.Outcome, one.claim
	defer poke(c.wake)
	defer c.drop(line)
	defer line.cancel(nil)
	o.Fatal = o.Fatal && !errors.Is(o.Err, errLease) && !errors.Is(o.Err, store.ErrClaimLost)
	ops := c.outcome(one)
	stored, here := false, false
	if ops != nil {
		stored, here = c.write(line.ctx, ops)
	}
	if o.Fatal {
		c.stop(o.Err)
	}
	c.mu.Lock()
	c.left = c.left || !stored
	c.mu.Unlock()
	if c.ended != nil {
		c.ended(one, here)
	}
}

func (c *claims) drop(line *claimedLine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, line.Fence)
}

// outcome returns what is written about the outcome of a line, nil if it is left to others.
func (c *claims) outcome(one *inFlight) []store.Op {
	o, line := &one.Outcome, one.claim
	finish := &store.FinishLine{HeldLine: line.heldLine()}
	switch over := line.ctx.Err() != nil; { // the command ends, or another worker has the line
	case o.Phase == New:
		return []store.Op{&store.Refuse{Task: line.Task, At: time.Now()}, &store.ReleaseLine{HeldLine: line.heldLine()}}
	case o.Fatal, !o.Phase.ended() && over:
		return nil
	case !o.Phase.ended():
		finish.Lost, finish.Failed = true, o.Phase == Unknown
		return []store.Op{finish}
	}
	c.checkAnswer(line, o)
	finish.Failed, finish.Mismatch = !o.Succeeded(), o.StoredMismatch
	if o.Result == nil {
		return []store.Op{finish}
	}
	if o.Result.Usage != nil {
		finish.Credits = o.Result.Usage.Credits
	}
	return []store.Op{&store.Poll{Result: o.Result, At: time.Now()}, finish}
}

// write writes ops once the store can be used, unless another worker has the line, ctx ends,
// or that takes too long after a stop. An answer whose request ID is that of another task is
// not kept. here reports whether the outcome counts although it may not be stored: no other
// worker has the line. An error of which no time helps ends the sending.
func (c *claims) write(ctx context.Context, ops []store.Op) (stored, here bool) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	write := func() error {
		err := c.writes.Write(context.WithoutCancel(ctx), ops...)
		if store.Temporary(err) && c.overdue() {
			giveUp()
		}
		return err
	}
	err := c.outage.until(ctx, write)
	if _, reused := errors.AsType[*store.ReusedIDError](err); reused && len(ops) > 1 {
		ops = ops[len(ops)-1:]
		err = c.outage.until(ctx, write)
	}
	switch {
	case err == nil:
		return true, true
	case isFinal(err), errors.Is(context.Cause(ctx), store.ErrClaimLost):
		return false, false
	case !store.Temporary(err):
		c.stop(err)
	}
	return false, true
}

// overdue reports whether outcomes have waited long enough for the store after a stop.
func (c *claims) overdue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sending.Err() == nil || c.flying > 0 {
		return false
	}
	if c.landed.IsZero() {
		c.landed = time.Now()
	}
	return time.Since(c.landed) >= storeLimit
}

// checkAnswer sets how the answer of a success does not match what was asked of it.
func (c *claims) checkAnswer(line *claimedLine, o *Outcome) {
	o.StoredMismatch = ""
	if o.Phase != Finished || o.Status != narada.StatusSuccess {
		return
	}
	check := c.check
	if c.NoValidate {
		check = nil
	}
	want, err := claimedSchema(line.Claimed)
	asserts, failed := c.claimedAssertions(line.Claimed)
	if o.check(check, want, asserts, c.masker); err != nil && check != nil {
		o.SchemaErrors = []string{err.Error()}
	}
	if failed != nil {
		o.AssertErrors = []string{failed.Error()}
	}
	o.StoredMismatch = o.Encode()
}
