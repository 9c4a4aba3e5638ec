package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// running is what a command needs while it waits for tasks, and closes after.
type running struct {
	inv    *invocation
	desk   *await.Desk
	poller *await.Poller
	cloud  *cloud
	inbox  *receive.Server // nil: polling alone
	runner *await.Runner
	ledger *sqlite.Store  // nil: nothing is kept
	others sync.WaitGroup // goroutines that follow events and the ledger
	quit   context.CancelFunc

	many bool          // tasks: what befalls one of them is a detail
	deaf chan struct{} // closed when no callback can come any more

	warned  atomic.Bool // of failing status calls, with many tasks
	mu      sync.Mutex
	refused map[string]error // IDs whose status calls were given up
	issued  map[string]bool  // paths of tickets
}

func newRunning(inv *invocation, c *cloud, l *sqlite.Store) *running {
	interval := inv.duration(config.PollInterval)
	r := &running{
		inv: inv, cloud: c, ledger: l, desk: await.NewDesk(), quit: func() {}, deaf: make(chan struct{}),
		refused: map[string]error{}, issued: map[string]bool{},
	}
	r.poller = await.NewPoller(await.PollerOptions{
		Status: inv.statusCall(c.client),
		Offer:  func(a await.Answer) { r.desk.Offer(a) },
		Pace:   await.PaceAlone(interval),
		Failed: r.pollFailed,
		// The cloud may take a moment to know the ID that it has just given out.
		Retry: func(err error) bool { return narada.Temporary(err) || await.NotFound(err) },
	})
	r.runner = &await.Runner{Dispatch: inv.dispatchCall(c.client), Desk: r.desk, Poller: r.poller}
	return r
}

// open opens the endpoint, if there is to be one. Where polling can do the job,
// a failure is a line on stderr.
func (r *running) open(ctx context.Context, t *tunnel.Config, via string) error {
	if t == nil {
		return nil
	}
	limit := openLimit
	if via != "callback" {
		limit = openLimitAuto
		if deadline, ok := ctx.Deadline(); ok { // some time is left for polling
			limit = min(limit, time.Until(deadline)/2)
		}
	}
	e, err := r.inv.openEndpoint(ctx, *t, limit)
	if failure, ok := errors.AsType[*tunnel.Error](err); ok && via != "callback" && ctx.Err() == nil {
		r.inv.talk.Warn("endpoint", failure.Error()+"; polling does the job")
		return nil
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return &exitError{code: codeEndpoint, text: cause(context.Cause(ctx)) + ": nothing was sent", err: err}
	case err != nil:
		return err
	}
	r.poller.SetPace(await.PaceBeside(r.inv.duration(config.PollInterval)))
	o := receive.Options{Sink: receive.Once(webhook.SinkFunc(r.take)), Random: r.inv.app.Random, Refused: r.inv.refusedInto(r.ledger)}
	if r.ledger != nil {
		o.Sink, o.Book = webhook.SinkFunc(r.take), r.ledger
	}
	r.inbox = receive.Open(e, o)
	following, quit := context.WithCancel(context.Background())
	r.quit = quit
	r.others.Go(func() { eachEvent(following.Done(), e.Events(), r.follow) })
	if r.ledger != nil {
		r.followLedger(following)
	}
	return nil
}

// take is the sink. A callback for another process's task is taken for that one:
// it sees it in the ledger. One that could not be stored is not acknowledged, though
// the task's own run has its answer.
func (r *running) take(ctx context.Context, d webhook.Delivery) error {
	if r.inv.talk.Verbose() {
		r.inv.talk.Detail("callback", "a callback came: "+term.OneLine(string(d.Result.Raw())))
	}
	var err error
	if r.ledger != nil {
		err = r.ledger.Deliver(ctx, d)
	}
	if err != nil && r.isOurs(d.Ticket) {
		r.inv.warnOfLedger(err, "the answer is not kept")
	}
	r.desk.Offer(await.Answer{Ticket: d.Ticket.Path, Result: d.Result, By: await.ByCallback})
	return err
}

func (r *running) isOurs(t webhook.Ticket) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.issued[t.Path]
}

// followLedger takes the callbacks for our tasks that came in at another process.
func (r *running) followLedger(ctx context.Context) {
	after, err := r.ledger.Last(ctx)
	if err != nil {
		r.inv.warnOfLedger(err, "callbacks that come in at another narada are not seen")
		return
	}
	r.others.Go(func() {
		for e, err := range r.ledger.FollowOthers(ctx, after) {
			if err != nil {
				r.inv.warnOfLedger(err, "callbacks that come in at another narada are not seen")
				return
			}
			r.desk.Offer(await.Answer{Ticket: e.Path, Result: e.Result, By: await.ByCallback})
		}
	})
}

// follow polls faster while the tunnel is gone.
func (r *running) follow(e tunnel.Event) {
	interval := r.inv.duration(config.PollInterval)
	switch e.Kind {
	case tunnel.Lost:
		r.inv.talk.Warn("tunnel-lost", "the tunnel is lost: polling until it is back")
	case tunnel.Stopped:
		r.inv.talk.Warn("tunnel-stopped", eventText("the tunnel was stopped", e)+": polling does the job")
		r.giveUpCallbacks()
	case tunnel.Back:
		r.inv.talk.Info("tunnel-back", "the tunnel is back")
		r.poller.SetPace(await.PaceBeside(interval))
		return
	}
	r.poller.SetPace(await.PaceAlone(interval))
	r.poller.Hurry()
}

// eachEvent calls f for every event until done is closed, or there will be no
// more.
func eachEvent(done <-chan struct{}, events <-chan tunnel.Event, f func(tunnel.Event)) {
	for {
		select {
		case <-done:
			return
		case e, open := <-events:
			if !open {
				return
			}
			f(e)
		}
	}
}

func eventText(text string, e tunnel.Event) string {
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// run dispatches the request, with a ticket if there is an endpoint, and waits.
func (r *running) run(ctx context.Context, request *narada.Request, prompt string) (await.Answer, error) {
	t, forget, err := r.issue(request)
	if err != nil {
		return await.Answer{}, err
	}
	defer forget()
	o := newRunObserver(r.inv.talk, r.inv.intend(r.ledger, "run", r.cloud, request, prompt, t.Ticket))
	defer o.stop()
	answer, err := r.runner.Run(ctx, t, o)
	o.record.ended(answer, err)
	return answer, err
}

// issue makes a task of the request, with a ticket if there is an endpoint. forget
// is called when its callbacks are no longer ours.
func (r *running) issue(request *narada.Request) (t await.Task, forget func(), err error) {
	t.Request = request
	if r.inbox == nil {
		return t, func() {}, nil
	}
	ticket, err := r.inbox.Issue()
	if err != nil {
		return t, nil, err
	}
	request.CallbackURL, request.CallbackSecret = r.inbox.URL(ticket), ticket.Secret
	request.CallbackHeaders = callbackHeaders(ticket)
	t.Ticket, t.Deaf = ticket, r.deaf
	r.inv.redactor.Hide(ticketSecrets(ticket)...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.issued[ticket.Path] = true
	return t, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.issued, ticket.Path)
		r.inv.redactor.Forget(ticketSecrets(ticket)...)
		if r.ledger != nil { // which knows it, should a callback come again
			r.inbox.Withdraw(ticket)
		}
	}, nil
}

func (r *running) pollFailed(id string, err error, inARow int, gaveUp bool) {
	if gaveUp {
		r.giveUpPolling(id, err)
		return
	}
	if r.many && inARow == 3 && r.warned.Swap(true) { // it was said of another
		return
	}
	r.inv.pollFailing(err, inARow)
}

// giveUpPolling ends the wait for a task that only a callback could tell of, if
// none can come.
func (r *running) giveUpPolling(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inbox == nil || r.isDeaf() {
		r.desk.Fail(id, err)
		return
	}
	r.refused[id] = err
	if r.many && len(r.refused) > 1 {
		return // it was said
	}
	r.inv.talk.Warn("poll", "the status call was refused, so only a callback can tell: "+explain(err))
}

// giveUpCallbacks is giveUpPolling the other way round.
func (r *running) giveUpCallbacks() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isDeaf() {
		return
	}
	close(r.deaf)
	for id, err := range r.refused {
		r.desk.Fail(id, err)
	}
}

func (r *running) isDeaf() bool {
	select {
	case <-r.deaf:
		return true
	default:
		return false
	}
}

func (r *running) close() {
	r.poller.Close()
	if r.inbox != nil {
		r.inv.closeInbox(r.inbox)
	}
	r.quit()
	r.others.Wait()
}

// runObserver says what happens to a task.
type runObserver struct {
	talk    *reporter
	record  *record
	waiting func() // ends the spinner
}

// newRunObserver shows that the task is being submitted.
func newRunObserver(talk *reporter, r *record) *runObserver {
	return &runObserver{talk: talk, record: r, waiting: talk.Wait("submitting", "submitting the task")}
}

// Accepted implements await.Observer.
func (o *runObserver) Accepted(id string, by await.Way) {
	text := id + " was accepted"
	if by == await.ByCallback {
		text += ", says a callback"
	}
	o.record.accepted(id)
	o.stop()
	o.talk.Info("accepted", text, slog.Any("requestId", id))
	o.waiting = o.talk.Wait("waiting", "waiting for "+id)
}

// Resending implements await.Observer.
func (o *runObserver) Resending(err error, in time.Duration) {
	o.talk.Warn("resending", fmt.Sprintf("the task was not accepted; again in %s: %s", in.Round(100*time.Millisecond), explain(err)))
}

// AnswerLost implements await.Observer.
func (o *runObserver) AnswerLost(err error) {
	o.talk.Warn("answer-lost", "it is not known yet whether the task was accepted, so the callback is waited for: "+explain(err))
	o.stop()
	o.waiting = o.talk.Wait("waiting", "waiting for a callback")
}

// AcceptedTwice implements await.Observer.
func (o *runObserver) AcceptedTwice(id string) {
	o.record.acceptedTwice(id)
	if id == "" {
		o.talk.Warn("accepted-twice", "the task may have been accepted a second time: the cloud had refused the first, and accepted it all the same, and what became of the second is not known")
		return
	}
	o.talk.Warn("accepted-twice", "the task was accepted a second time, as "+id+": the cloud had refused the first, and accepted it all the same", slog.Any("requestId", id))
}

// HumanAsked implements await.Observer.
func (o *runObserver) HumanAsked(id string, input narada.HumanInput) {
	o.talk.Warn("input-required", humanLine(id, input), slog.Any("requestId", id), slog.Any("inputId", input.InputID))
}

func (o *runObserver) stop() {
	if o.waiting != nil {
		o.waiting()
		o.waiting = nil
	}
}
