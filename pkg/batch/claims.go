package batch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
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
}

// claims are the lines of a batch that a worker claims from the store.
type claims struct {
	loop
	tools
	kept
	owner string
	more  func() bool                      // whether lines are still put into the store; nil: no
	ended func(one *inFlight, stored bool) // called with each outcome that is stored, or is left to others; nil: none

	call      int64 // number of the last claim
	claimedAt time.Time
	doubt     bool                     // it may have lines that are not known here
	eager     bool                     // it had lines: there may be more
	addresses map[string]store.Address // of the call, by path
	ready     []*inFlight
	wake      chan struct{} // has a token when a task has ended

	mu      sync.Mutex
	held    map[int64]*claimedLine // by fence
	left    bool                   // a line is left to others before its lease has ended
	limit   store.ClaimLimits      // a later run may change them
	others  int                    // lines that other workers hold
	unknown int
	settled time.Time
}

// newClaims returns those of a worker whose sending ends with ctx.
func newClaims(ctx context.Context, w store.Work, k kept, t tools) *claims {
	c := &claims{
		tools: t, kept: k, limit: k.limits(), owner: uuid.NewString(), addresses: map[string]store.Address{}, wake: make(chan struct{}, 1), held: map[int64]*claimedLine{},
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
				return one, nil
			}
			c.refuse(ctx, one)
		}
		if c.sending.Err() != nil {
			return nil, context.Cause(c.sending)
		}
		open, err := c.look(ctx)
		switch {
		case err != nil:
			await.Sleep(c.sending, storePause)
		case !open:
			return nil, nil
		case len(c.ready) == 0:
			rest(c.sending, workPause, c.wake)
		}
	}
}

// refuse ends a claim whose task is not sent.
func (c *claims) refuse(ctx context.Context, one *inFlight) {
	c.engine.Withdraw(one.claim.address)
	c.done(ctx, one)
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
		c.limit = k.limits()
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

// claim claims lines for the free slots, and reports whether there were some. Without more,
// it only asks about a claim in doubt.
func (c *claims) claim(ctx context.Context, more bool) (some bool, err error) {
	free := 0
	for more && free < maxSending && c.loop.slots.TryAcquire(1) {
		if free++; !c.loop.calls.TryAcquire(1) {
			free--
			c.free(true, false)
			break
		}
	}
	defer func() {
		for range free {
			c.free(true, true)
		}
	}()
	list, err := c.claimed(ctx, free)
	if err != nil {
		return false, err
	}
	sent, err := c.sentBefore(ctx, list)
	if err != nil {
		return false, err
	}
	c.doubt = c.doubt && len(list) == 0 && free == 0
	for _, line := range list {
		one := c.begin(ctx, line, sent[Key(line.Key)])
		if one.Fatal || one.Phase.ended() {
			c.refuse(ctx, one)
			continue
		}
		if free > 0 { // else a claim that was in doubt has brought more
			one.slot, one.call = true, true
			free--
		}
		c.ready = append(c.ready, one)
	}
	for _, a := range c.addresses {
		c.engine.Withdraw(a)
	}
	clear(c.addresses)
	return len(list) > 0, nil
}

// claimed returns lines that are claimed now, or, if that is in doubt, by the last call.
func (c *claims) claimed(ctx context.Context, n int) ([]store.Claimed, error) {
	if c.doubt {
		if list, err := c.store.Claimed(ctx, c.owner, c.call); err != nil || len(list) > 0 {
			return list, err
		}
	} else {
		c.call++
	}
	if n == 0 {
		return nil, nil
	}
	addresses, err := c.addressList(n)
	if err != nil {
		return nil, err
	}
	c.doubt, c.claimedAt = true, time.Now()
	c.mu.Lock()
	limit := c.limit
	c.settled = c.claimedAt
	c.mu.Unlock()
	err = c.store.Write(ctx, &store.Claim{
		Batch: c.number, Owner: c.owner, Call: c.call, Max: n, Limits: limit, Addresses: addresses, Source: "batch", Cloud: c.cloud, Machine: c.machine, At: c.claimedAt,
	})
	if err != nil {
		return nil, err
	}
	return c.store.Claimed(ctx, c.owner, c.call)
}

// addressList issues the addresses of a claim.
func (c *claims) addressList(n int) (list []store.Address, err error) {
	for len(c.addresses) < n {
		a, err := c.engine.Issue()
		if err != nil || a.URL == "" {
			return nil, err
		}
		c.addresses[a.Ticket.Path] = a
	}
	return slices.Collect(maps.Values(c.addresses))[:n], nil
}

// sentBefore returns the outcomes so far of the lines that other workers have sent.
func (c *claims) sentBefore(ctx context.Context, list []store.Claimed) (map[Key]Outcome, error) {
	sent := map[Key]Outcome{}
	var keys [][]byte
	for _, line := range list {
		if !line.Send {
			keys = append(keys, line.Key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	items, err := c.store.Items(ctx, c.number, keys)
	for _, i := range items {
		o := Outcome{State: stateOf(i)}
		if err == nil && o.Phase == Finished {
			err = o.readResult(ctx, c.store)
		}
		sent[Key(i.Key)] = o
	}
	return sent, err
}

// begin makes a line one in flight.
func (c *claims) begin(ctx context.Context, line store.Claimed, o Outcome) *inFlight {
	address := c.addresses[line.Ticket]
	delete(c.addresses, line.Ticket)
	held := &claimedLine{Claimed: line, worker: c, address: address, turn: time.Now().Add(line.In), valid: c.claimedAt.Add(c.Lease)}
	held.ctx, held.cancel = context.WithCancelCause(context.WithValue(ctx, lineKeyOf{}, held))
	c.mu.Lock()
	c.held[line.Fence] = held
	c.mu.Unlock()
	o.Line = Line{Number: line.Line, ID: line.ID, Key: Key(line.Key)}
	if len(line.Content) > 0 {
		o.Sum = Key(line.Content)
	}
	one := &inFlight{Outcome: o, claim: held, sent: line.Send}
	if !line.Send {
		return one
	}
	request, err := claimedTask(line, c.source, c.hide)
	if err != nil {
		one.Err, one.Fatal = err, true
		return one
	}
	one.Window = line.Window
	one.job = &await.Job{Request: request, Prompt: line.Prompt, Item: line.Item, Task: line.Task, Ticket: address.Ticket}
	return one
}

// done implements lines. An outcome that other workers may find is left to them.
func (c *claims) done(_ context.Context, one *inFlight) {
	o, line := &one.Outcome, one.claim
	defer poke(c.wake)
	defer c.drop(line)
	defer line.cancel(nil)
	o.Fatal = o.Fatal && !errors.Is(o.Err, errLease) && !errors.Is(o.Err, store.ErrClaimLost)
	ops := c.outcome(one)
	stored := ops != nil && c.write(line.ctx, ops)
	if o.Fatal {
		c.stop(o.Err)
	}
	c.mu.Lock()
	c.left = c.left || !stored
	c.mu.Unlock()
	if c.ended != nil {
		c.ended(one, stored)
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
	c.checkSchema(line, o)
	finish.Failed, finish.SchemaErrors = !o.Succeeded(), o.StoredErrors
	if o.Result == nil {
		return []store.Op{finish}
	}
	if o.Result.Usage != nil {
		finish.Credits = o.Result.Usage.Credits
	}
	return []store.Op{&store.Poll{Result: o.Result, At: time.Now()}, finish}
}

// write writes ops until they are stored, another worker has the line, or ctx ends. An answer
// whose request ID is that of another task is not kept.
func (c *claims) write(ctx context.Context, ops []store.Op) (stored bool) {
	for {
		err := c.writes.Write(context.WithoutCancel(ctx), ops...)
		_, reused := errors.AsType[*store.ReusedIDError](err)
		switch {
		case err == nil, errors.Is(err, store.ErrClaimLost), ctx.Err() != nil:
			return err == nil
		case reused && len(ops) > 1:
			ops = ops[len(ops)-1:]
		default:
			await.Sleep(ctx, storePause)
		}
	}
}

// checkSchema sets the schema errors of a success.
func (c *claims) checkSchema(line *claimedLine, o *Outcome) {
	o.StoredErrors = ""
	if o.Phase != Finished || o.Status != narada.StatusSuccess || c.NoValidate {
		return
	}
	want, err := claimedSchema(line.Claimed)
	if o.SchemaErrors = violations(c.check, want, o.Result); err != nil {
		o.SchemaErrors = []string{err.Error()}
	}
	if len(o.SchemaErrors) > 0 {
		text, _ := narada.EncodeJSON(o.SchemaErrors) // strings only
		o.StoredErrors = string(text)
	}
}
