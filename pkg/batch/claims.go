package batch

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

const (
	workPause = 100 * time.Millisecond // between two looks for lines
	watchRate = time.Second            // between two looks at what other workers do
)

// tools are what a process does the tasks of batches with.
type tools struct {
	store   Store
	writes  store.Writer // tries again what could not be written about tasks
	engine  Engine
	slots   *semaphore.Weighted // of the process
	calls   *semaphore.Weighted
	cloud   string
	machine string
	source  *secret.Source
	hide    func(...secret.String)
	check   SchemaCheck
	outage  *outage
	masker  output.Masker
}

// claims are the lines of a batch that a worker claims from the store.
type claims struct {
	loop
	tools
	kept
	owner string
	more  func() bool                    // whether lines are still put into the store; nil: no
	ended func(one *inFlight, here bool) // called with each outcome that is found here, or is left to others; nil: none

	call      int64 // number of the last claim
	claimedAt time.Time
	doubt     bool                     // it may have lines that are not known here
	eager     bool                     // it had lines: there may be more
	addresses map[string]store.Address // of the call, by path
	ready     []*inFlight
	wake      chan struct{} // has a token when a task has ended

	mu      sync.Mutex
	held    map[int64]*claimedLine // by fence
	flying  int                    // tasks that are sent or waited for
	landed  time.Time              // when the store was first gone after a stop, and none of them was left
	left    bool                   // a line is left to others before its lease has ended
	limit   store.ClaimLimits      // a later run may change them
	asserts []string               // so these
	others  int                    // lines that other workers hold
	unknown int
	settled time.Time
}

// newClaims returns those of a worker whose sending ends with ctx.
func newClaims(ctx context.Context, w store.Work, k kept, t tools) *claims {
	c := &claims{
		tools: t, kept: k, limit: k.limits(), asserts: k.Assert, owner: uuid.NewString(), addresses: map[string]store.Address{}, wake: make(chan struct{}, 1), held: map[int64]*claimedLine{},
	}
	c.sender, c.loop.slots, c.loop.calls = sender{engine: t.engine, number: w.Batch.Number, timeout: k.Timeout}, t.slots, t.calls
	c.sending, c.stop = context.WithCancelCause(ctx)
	return c
}

// run works until no line is open, or, after a stop, until those in flight have ended. It
// returns the cause of the stop.
func (c *claims) run(ctx context.Context) error {
	renewing, stopRenewing := context.WithCancel(context.WithoutCancel(ctx))
	var renewals sync.WaitGroup
	renewals.Go(func() { c.renew(renewing) })
	c.do(ctx, c)
	stopRenewing()
	renewals.Wait()
	if c.left {
		c.end()
	}
	return context.Cause(c.sending)
}

// next implements lines.
func (c *claims) next(ctx context.Context) (*inFlight, error) {
	for {
		for len(c.ready) > 0 {
			one := c.ready[0]
			c.ready = c.ready[1:]
			if one.job == nil || c.sending.Err() == nil && await.Sleep(c.sending, time.Until(one.claim.turn)) {
				c.mu.Lock()
				c.flying++
				c.mu.Unlock()
				return one, nil
			}
			c.refuse(one)
		}
		if c.sending.Err() != nil {
			return nil, context.Cause(c.sending)
		}
		var open bool
		err := c.outage.until(c.sending, func() (err error) {
			open, err = c.look(ctx)
			return err
		})
		switch {
		case err != nil && c.sending.Err() == nil:
			return nil, err
		case err == nil && !open:
			return nil, nil
		case len(c.ready) == 0:
			rest(c.sending, workPause, c.wake)
		}
	}
}

// refuse ends a claim whose task is not sent.
func (c *claims) refuse(one *inFlight) {
	c.engine.Withdraw(one.claim.address)
	c.finish(one)
	c.free(one.slot, one.call)
}

// look claims lines, if there may be some. It reports whether lines are open.
func (c *claims) look(ctx context.Context) (bool, error) {
	if !c.loop.slots.TryAcquire(1) {
		return true, nil
	}
	c.free(true, false)
	more := c.more != nil && c.more() // asked first: lines may be put into the store meanwhile
	open, may := true, true
	if !c.eager {
		w, ok, err := c.watch(ctx)
		if err != nil || !ok {
			return err != nil || more, err
		}
		open, may = more || w.Open(), c.claimable(w)
	}
	var err error
	if may || c.doubt {
		c.eager, err = c.claim(ctx, may)
	}
	return open, err
}

// work reads how the batch stands. ok is false if it was deleted.
func (c *claims) work(ctx context.Context) (w store.Work, ok bool, err error) {
	list, err := c.store.Works(ctx, c.number)
	if err != nil || len(list) == 0 {
		return w, false, err
	}
	return list[0], true, nil
}

// watch is work, and notes what other workers hold and which limits hold now. No line is
// claimed here meanwhile.
func (c *claims) watch(ctx context.Context) (w store.Work, ok bool, err error) {
	c.mu.Lock()
	held := len(c.held)
	c.mu.Unlock()
	if w, ok, err = c.work(ctx); !ok {
		return w, ok, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others, c.unknown = max(0, w.InFlight-held), w.Unknown
	if k, err := readKept(w); err == nil {
		c.limit, c.asserts = k.limits(), k.Assert
	}
	return w, true, nil
}

// flight returns the number of lines that workers hold, and of those that may have been
// accepted and whose worker has gone.
func (c *claims) flight() (inFlight, unknown int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held) + c.others, c.unknown
}

// claimable reports whether a claim may change something.
func (c *claims) claimable(w store.Work) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.Unknown > 0 && time.Since(c.settled) >= watchRate ||
		w.InFlight < c.limit.Concurrency && (w.Adoptable || w.Waiting && stopped(c.limit, w) == nil)
}

// settle finishes the lines that may have been accepted and whose time is over.
func (c *claims) settle(ctx context.Context) error {
	c.mu.Lock()
	c.settled = time.Now()
	limit := c.limit
	c.mu.Unlock()
	return c.store.Write(ctx, &store.Claim{Batch: c.number, Limits: limit, At: time.Now()})
}
