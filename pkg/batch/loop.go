package batch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
)

const maxSending = 64 // concurrent dispatch calls

// lines are the lines that are to be done here: all of a batch that no other process works
// on, or those that are claimed from the store.
type lines interface {
	// next waits until the task of a line may be sent, or is to be waited for. It returns nil
	// if none is left. An error ends the sending.
	next(ctx context.Context) (*inFlight, error)

	// done takes the outcome of a line.
	done(ctx context.Context, one *inFlight)
}

// inFlight is a line whose task is in flight.
type inFlight struct {
	Outcome
	job   *await.Job   // of a task to be sent, until it is; nil: it was sent before
	claim *claimedLine // nil: no other process works on the batch
	sent  bool         // by this process
	slot  bool         // it has one of slots
	call  bool         // it has one of calls

	doubtful bool // an earlier run left it unknown: only its callback can tell
}

// loop sends the tasks of lines and waits for them.
type loop struct {
	sender
	slots   *semaphore.Weighted // for tasks in flight
	calls   *semaphore.Weighted // for dispatch calls
	sending context.Context     // ended by stop; tasks in flight continue
	stop    context.CancelCauseFunc
	tasks   sync.WaitGroup
}

// do returns when no line is left and those in flight have ended.
func (p *loop) do(ctx context.Context, from lines) {
	defer p.tasks.Wait()
	for {
		one, err := from.next(ctx)
		if err != nil {
			p.stop(err)
		}
		if one == nil {
			return
		}
		p.tasks.Go(func() { p.fly(ctx, from, one) })
	}
}

// fly does the task of a line. A panic is an error of all lines. The slot is freed last,
// since the reader of the outcomes may be slow. Thousands of these wait at once: the stack
// is kept small.
func (p *loop) fly(ctx context.Context, from lines, one *inFlight) {
	called := sync.OnceFunc(func() { p.free(false, one.call) })
	if err := panicked(func() { p.task(ctx, one, called) }); err != nil {
		one.Err, one.Fatal = err, true
	}
	called()
	if err := panicked(func() { from.done(ctx, one) }); err != nil {
		p.stop(err)
	}
	p.free(one.slot, false)
}

// task sends the task of a line, unless it was sent before, and waits for it.
func (p *loop) task(ctx context.Context, one *inFlight, called func()) {
	var guard store.Op
	if one.claim != nil {
		ctx, guard = one.claim.ctx, one.claim.guard()
	}
	if one.job == nil {
		called()
		p.await(ctx, &one.Outcome, guard)
		return
	}
	job := *one.job
	one.job = nil
	job.Guard, job.MustKeep, job.Sent = guard, true, called
	p.sendTask(ctx, &one.Outcome, job)
}

// free frees what a line has of the loop's.
func (p *loop) free(slot, call bool) {
	if slot {
		p.slots.Release(1)
	}
	if call {
		p.calls.Release(1)
	}
}

// panicked calls f, and returns its panic as an error.
func panicked(f func()) error {
	return panics.Catch(func() error {
		f()
		return nil
	})
}

// rest waits for the duration, the end of ctx, or a token.
func rest(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	select {
	case <-time.After(d):
	case <-wake:
	case <-ctx.Done():
	}
}

// poke puts a token into a channel that has room for one.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
