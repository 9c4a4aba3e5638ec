package batch

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
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

// workPause is the pause between two looks for lines.
const workPause = 100 * time.Millisecond

// errLease is why a task is not sent by a worker that has slept through its lease.
var errLease = errors.New("the lease of the line has ended")

// worker claims lines of a batch from the store and does their tasks.
type worker struct {
	sender
	kept
	store   Store
	writes  store.Writer // tries again what could not be written about tasks
	work    store.Work
	limit   store.ClaimLimits
	owner   string
	cloud   string
	machine string
	source  *secret.Source
	hide    func(...secret.String)
	check   SchemaCheck
	slots   *semaphore.Weighted // for tasks in flight of this process
	calls   *semaphore.Weighted // for dispatch calls
	sending context.Context     // ended by stop; tasks in flight continue
	stop    context.CancelCauseFunc
	idle    func() bool // no more lines are put into the store; nil: so it is

	call      int64
	addresses map[string]store.Address // of the call, by path
	tasks     sync.WaitGroup
	wake      chan struct{} // has a token when a task has ended

	mu   sync.Mutex
	held map[int64]*claimedLine // by fence
}

// claimedLine is a line that the worker holds.
type claimedLine struct {
	store.Claimed
	batch  *worker
	cancel context.CancelCauseFunc
	valid  time.Time // until when the lease lasts at least
}

// newWorker returns a worker whose sending ends with ctx.
func newWorker(ctx context.Context, w store.Work, k kept) *worker {
	one := &worker{
		sender: sender{number: w.Batch.Number, timeout: k.Timeout}, kept: k, limit: k.limits(), work: w, owner: uuid.NewString(),
		addresses: map[string]store.Address{}, wake: make(chan struct{}, 1), held: map[int64]*claimedLine{},
	}
	one.sending, one.stop = context.WithCancelCause(ctx)
	return one
}

// run works until no line is open, or, after a stop, until those in flight have ended. It
// returns the cause of the stop.
func (w *worker) run(ctx context.Context) error {
	renewing, stopRenewing := context.WithCancel(context.WithoutCancel(ctx))
	var renewals sync.WaitGroup
	renewals.Go(func() { w.renew(renewing) })
	defer renewals.Wait()
	defer stopRenewing()
	defer w.tasks.Wait()
	for w.sending.Err() == nil {
		claimed, open, err := w.look(ctx)
		switch {
		case err != nil:
			await.Sleep(w.sending, storePause)
		case !open:
			return nil
		case claimed == 0:
			rest(w.sending, workPause, w.wake)
		}
	}
	return context.Cause(w.sending)
}

// rest waits for the duration, the end of ctx, or a token.
func rest(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	select {
	case <-time.After(d):
	case <-wake:
	case <-ctx.Done():
	}
}

// look claims what it can.
func (w *worker) look(ctx context.Context) (claimed int, open bool, err error) {
	more := w.idle != nil && !w.idle() // asked first: lines may be put into the store meanwhile
	list, err := w.store.Works(ctx, w.number)
	if err != nil {
		return 0, true, err
	}
	if len(list) == 0 { // it was deleted
		return 0, more, nil
	}
	w.work = list[0]
	if k, err := readKept(w.work); err == nil { // a later run may have changed the limits
		w.limit = k.limits()
	}
	if w.work.Waiting || w.work.Adoptable || w.work.Unknown > 0 {
		claimed, err = w.claim(ctx)
	}
	return claimed, more || w.work.Open(), err
}

// claim claims lines for the free slots, and begins to do them.
func (w *worker) claim(ctx context.Context) (claimed int, err error) {
	free := 0
	for free < maxSending && w.slots.TryAcquire(1) {
		if !w.calls.TryAcquire(1) {
			w.slots.Release(1)
			break
		}
		free++
	}
	defer func() { w.slots.Release(int64(free)); w.calls.Release(int64(free)) }()
	if free == 0 {
		return 0, nil
	}
	if len(w.addresses) == 0 { // else the last claim is in doubt, and is made again
		w.call++
	}
	list, err := w.addressList(free)
	if err != nil {
		return 0, err
	}
	valid := time.Now().Add(w.Lease)
	err = w.store.Write(ctx, &store.Claim{
		Batch: w.number, Owner: w.owner, Call: w.call, Max: free, Limits: w.limit, Addresses: list, Source: "batch", Cloud: w.cloud, Machine: w.machine, At: time.Now(),
	})
	if err != nil {
		return 0, err
	}
	lines, err := w.store.Claimed(ctx, w.owner, w.call)
	if err != nil {
		return 0, err
	}
	for _, c := range lines {
		if free == 0 { // of a claim that was made again: its lease ends, and it is claimed again
			break
		}
		address := w.addresses[c.Ticket]
		delete(w.addresses, c.Ticket)
		w.start(ctx, c, address, valid)
		free--
	}
	for _, a := range w.addresses {
		w.engine.Withdraw(a)
	}
	clear(w.addresses)
	return len(lines), nil
}

// addressList issues the addresses of a claim.
func (w *worker) addressList(n int) (list []store.Address, err error) {
	for len(w.addresses) < n {
		a, err := w.engine.Issue()
		if err != nil || a.URL == "" {
			return nil, err
		}
		w.addresses[a.Ticket.Path] = a
	}
	return slices.Collect(maps.Values(w.addresses))[:n], nil
}

// start does a claimed line in the background.
func (w *worker) start(ctx context.Context, c store.Claimed, a store.Address, valid time.Time) {
	ctx, cancel := context.WithCancelCause(ctx)
	line := &claimedLine{c, w, cancel, valid}
	w.mu.Lock()
	w.held[c.Fence] = line
	w.mu.Unlock()
	w.tasks.Go(func() {
		called := sync.OnceFunc(func() { w.calls.Release(1) })
		defer cancel(nil)
		o := &Outcome{Line: Line{Number: c.Line, ID: c.ID, Key: Key(c.Key)}}
		if len(c.Content) > 0 {
			o.Sum = Key(c.Content)
		}
		if err := panicked(func() { w.do(ctx, line, o, a, called) }); err != nil {
			o.Err, o.Fatal = err, true
		}
		o.Fatal = o.Fatal && !errors.Is(o.Err, errLease) && !errors.Is(o.Err, store.ErrClaimLost)
		called()
		w.finish(ctx, line, o)
		w.mu.Lock()
		delete(w.held, c.Fence)
		w.mu.Unlock()
		w.slots.Release(1)
		select {
		case w.wake <- struct{}{}:
		default:
		}
	})
}

// do sends the task of a line, or waits for that of another worker.
func (w *worker) do(ctx context.Context, line *claimedLine, o *Outcome, a store.Address, called func()) {
	if !line.Send {
		called()
		w.adopt(ctx, line, o)
		return
	}
	request, err := claimedTask(line.Claimed, w.source, w.hide)
	if err != nil {
		w.engine.Withdraw(a)
		o.Err, o.Fatal = err, true
		return
	}
	if !await.Sleep(w.sending, line.In) || w.sending.Err() != nil {
		w.engine.Withdraw(a)
		return
	}
	o.Window = line.Window
	w.sendTask(context.WithValue(ctx, lineKeyOf{}, line), o, await.Job{
		Request: request, Prompt: line.Prompt, Item: line.Item, Task: line.Task, Ticket: a.Ticket, Guard: line.guard(), MustKeep: true, Sent: called,
	})
}

// adopt waits for the task that another worker has sent.
func (w *worker) adopt(ctx context.Context, line *claimedLine, o *Outcome) {
	items, err := w.store.Items(ctx, w.number, [][]byte{line.Key})
	if err != nil || len(items) == 0 {
		o.Err = cmp.Or(err, errLease)
		return
	}
	if o.State = stateOf(items[0]); o.Phase.ended() {
		o.Err = o.readResult(ctx, w.store)
		return
	}
	w.await(ctx, o, line.guard())
}

func (l *claimedLine) heldLine() store.HeldLine {
	return store.HeldLine{Batch: l.Batch, Key: l.Key, Fence: l.Fence}
}

func (l *claimedLine) guard() store.Op { return &store.CheckClaim{HeldLine: l.heldLine()} }

// finish writes the outcome of a line. One that other workers may find is left to them.
func (w *worker) finish(ctx context.Context, line *claimedLine, o *Outcome) {
	over := ctx.Err() != nil // the command ends, or another worker has the line
	finish := &store.FinishLine{HeldLine: line.heldLine()}
	ops := []store.Op{finish}
	switch {
	case o.Fatal && o.Phase != New:
		w.stop(o.Err)
		return
	case o.Phase == New:
		ops = []store.Op{&store.Refuse{Task: line.Task, At: time.Now()}, &store.ReleaseLine{HeldLine: line.heldLine()}}
	case !o.Phase.ended() && over:
		return
	case !o.Phase.ended():
		finish.Lost, finish.Failed = true, o.Phase == Unknown
	default:
		if o.Result != nil {
			ops = []store.Op{&store.Poll{Result: o.Result, At: time.Now()}, finish}
		}
		if o.Err != nil { // its result could not be read
			return
		}
		w.checkSchema(line, o)
		finish.Failed = !o.Succeeded()
		if o.Result != nil && o.Result.Usage != nil {
			finish.Credits = o.Result.Usage.Credits
		}
		if len(o.SchemaErrors) > 0 {
			text, _ := narada.EncodeJSON(o.SchemaErrors) // strings only
			finish.SchemaErrors = string(text)
		}
	}
	w.write(ctx, ops)
	if o.Fatal {
		w.stop(o.Err)
	}
}

// write writes ops until they are stored, another worker has the line, or ctx ends.
func (w *worker) write(ctx context.Context, ops []store.Op) {
	for {
		err := w.writes.Write(context.WithoutCancel(ctx), ops...)
		if err == nil || isFinal(err) || ctx.Err() != nil {
			return
		}
		await.Sleep(ctx, storePause)
	}
}

// checkSchema sets the schema errors of a success.
func (w *worker) checkSchema(line *claimedLine, o *Outcome) {
	if o.Phase != Finished || o.Status != narada.StatusSuccess || w.NoValidate {
		return
	}
	want, err := claimedSchema(line.Claimed)
	if o.SchemaErrors = violations(w.check, want, o.Result); err != nil {
		o.SchemaErrors = []string{err.Error()}
	}
}

// renew renews the leases of the lines in flight, until ctx ends, and ends the tasks of the
// lines that others have.
func (w *worker) renew(ctx context.Context) {
	for ctx.Err() == nil {
		await.Sleep(ctx, w.Lease/3)
		w.mu.Lock()
		held := maps.Clone(w.held)
		w.mu.Unlock()
		valid := time.Now().Add(w.Lease)
		if len(held) == 0 || w.store.Write(ctx, &store.RenewClaims{Owner: w.owner, Lease: w.Lease}) != nil {
			continue
		}
		list, err := w.store.Claimed(ctx, w.owner, 0)
		if err != nil {
			continue
		}
		for _, c := range list {
			if line := held[c.Fence]; line != nil {
				w.mu.Lock()
				line.valid = valid
				w.mu.Unlock()
				delete(held, c.Fence)
			}
		}
		for _, line := range held {
			line.cancel(store.ErrClaimLost)
		}
	}
}

// leased reports whether the lease of a line lasts. A process that is stopped for a while
// does not notice: both clocks are looked at, one of which may stop with the machine.
func (l *claimedLine) leased() bool {
	l.batch.mu.Lock()
	defer l.batch.mu.Unlock()
	now := time.Now()
	return now.Before(l.valid) && now.Round(0).Before(l.valid.Round(0))
}

// lineKeyOf is the key of the line in the context of its task.
type lineKeyOf struct{}

// leasedClient is a client that sends a task only while the lease of its line lasts.
type leasedClient struct {
	await.Client
	store store.Writer
}

// Dispatch implements await.Client.
func (c *leasedClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	line, _ := ctx.Value(lineKeyOf{}).(*claimedLine)
	if line == nil {
		return c.Client.Dispatch(ctx, r)
	}
	if !line.leased() {
		return "", &narada.DispatchError{Err: errLease}
	}
	id, err := c.Client.Dispatch(ctx, r)
	if api, ok := errors.AsType[*narada.APIError](err); ok && api.StatusCode == http.StatusTooManyRequests {
		_ = c.store.Write(ctx, &store.HoldWork{Batch: line.Batch, For: min(max(api.RetryAfter, shortHold), maxHold)}) // this process is paced all the same
	}
	return id, err
}
