package batch

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// done implements lines. An outcome that other workers may find is left to them.
func (c *claims) done(_ context.Context, one *inFlight) {
	o, line := &one.Outcome, one.claim
	defer poke(c.wake)
	defer c.drop(line)
	defer line.cancel(nil)
	o.Fatal = o.Fatal && !errors.Is(o.Err, errLease) && !errors.Is(o.Err, store.ErrClaimLost)
	ops := c.outcome(one)
	stored, broken := false, false
	if ops != nil {
		stored, broken = c.write(line.ctx, ops)
	}
	if o.Fatal {
		c.stop(o.Err)
	}
	c.mu.Lock()
	c.left = c.left || !stored
	c.mu.Unlock()
	if c.ended != nil {
		c.ended(one, stored || broken)
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

// write writes ops once the store can be used, unless another worker has the line, or ctx ends.
// An answer whose request ID is that of another task is not kept. broken reports another error,
// which ends the sending.
func (c *claims) write(ctx context.Context, ops []store.Op) (stored, broken bool) {
	write := func() error { return c.writes.Write(context.WithoutCancel(ctx), ops...) }
	err := c.outage.until(ctx, write)
	if _, reused := errors.AsType[*store.ReusedIDError](err); reused && len(ops) > 1 {
		ops = ops[len(ops)-1:]
		err = c.outage.until(ctx, write)
	}
	if broken = err != nil && !store.Temporary(err) && !isFinal(err); broken {
		c.stop(err)
	}
	return err == nil, broken
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
