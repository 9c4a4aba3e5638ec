package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// errCounted is the cause of an end by --count.
var errCounted = errors.New("all callbacks that were asked for are here")

// How many callbacks may wait to be printed, and how many bytes of them; then no
// other is taken until the reader of stdout has read.
const (
	mostUnprinted      = 1000
	mostUnprintedBytes = 64 << 20
)

// listening is a listen command that serves. It is the sink: what is in the
// ledger is acknowledged, and then printed.
type listening struct {
	inv    *invocation
	p      *printer
	count  int
	silent bool          // a command says what is to be printed
	filter *output.Query // nil: all callbacks are wanted
	onward onwards
	ticket webhook.Ticket
	ready  *readyFile
	show   bool // secret and headers, to a person
	ledger *sqlite.Store

	registration *receive.Registration

	serving context.Context // until the command has what it wants, or is to end
	stop    context.CancelCauseFunc
	entries chan store.Entry // stored, to be printed
	closed  chan struct{}    // no more callbacks come in
	bytes   *semaphore.Weighted

	printing context.Context // until nobody prints any more
	gone     context.CancelFunc

	mu      sync.Mutex
	taken   int // of count
	printed int
	givenUp int   // callbacks that could not be passed on
	waiting int   // and that still wait
	failed  error // what ends the command before its time
}

// serve takes callbacks until ctx ends, or the command has what it wants.
func (l *listening) serve(whole context.Context, endpoint *tunnel.Endpoint, maxBody int64) error {
	ctx := l.serving
	in := receive.Open(endpoint, receive.Options{
		Sink: l, Book: l.ledger, MaxBody: maxBody, Random: l.inv.app.Random, Refused: l.inv.refusedInto(l.ledger),
	})
	in.Admit(l.ticket)
	var others, printer sync.WaitGroup
	others.Go(func() { eachEvent(ctx.Done(), endpoint.Events(), l.follow) })
	others.Go(func() { l.announce(ctx, in) })
	printer.Go(l.printAll)
	<-ctx.Done()
	l.inv.closeInbox(in)
	others.Wait()
	l.finishPrinting(&printer)
	l.givenUp, l.waiting = l.onward.close(whole, context.Cause(ctx) == errCounted)
	if whole.Err() != nil {
		ctx = whole
	}
	return l.outcome(ctx)
}

// passOn begins to pass callbacks on to the targets.
func (l *listening) passOn(ctx context.Context, targets []onwardTarget) error {
	for _, t := range targets {
		o, err := l.inv.startOnward(ctx, l.ledger, l.registration.Name(), t, l.fail)
		if err != nil {
			l.onward.close(ctx, false)
			return err
		}
		l.onward = append(l.onward, o)
	}
	return nil
}

// stored is told of what the ledger has, by the ledger.
func (l *listening) stored(e store.Entry) {
	if !l.bytes.TryAcquire(unprintedBytes(e)) && l.bytes.Acquire(l.printing, unprintedBytes(e)) != nil {
		return
	}
	select {
	case l.entries <- e:
	case <-l.printing.Done():
	}
}

func unprintedBytes(e store.Entry) int64 { return min(int64(len(e.Result.Raw())), mostUnprintedBytes) }

// Deliver implements webhook.Sink.
func (l *listening) Deliver(ctx context.Context, d webhook.Delivery) error {
	if !l.wants(d.Result) {
		_, err := l.ledger.Store(ctx, d, store.Onward{Unlisted: true})
		return l.notStored(err)
	}
	if !l.take() {
		return errCounted // 503: somebody else may take it
	}
	isNew, err := l.ledger.Store(ctx, d, l.onward.plan())
	if err != nil || !isNew {
		l.giveBack()
	} else {
		l.onward.wake()
	}
	return l.notStored(err)
}

// wants reports whether the callback is one that the filter lets through.
func (l *listening) wants(r *narada.Result) bool {
	if l.filter == nil {
		return true
	}
	yes, err := l.filter.True(r.Raw())
	switch {
	case err != nil:
		l.inv.talk.Warn("filter", term.OneLine(r.RequestID)+" is kept, and neither printed nor passed on: "+err.Error(), slog.Any("requestId", r.RequestID))
	case !yes:
		l.inv.talk.Detail("filter", term.OneLine(r.RequestID)+" is kept, and not what --filter asks for")
	}
	return yes
}

func (l *listening) notStored(err error) error {
	if err != nil {
		l.inv.talk.Warn("not-stored", "a callback was not acknowledged: "+err.Error())
	}
	return err
}

// take counts a callback that is to be taken.
func (l *listening) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count > 0 && l.taken == l.count {
		return false
	}
	l.taken++
	return true
}

func (l *listening) giveBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken--
}

// fail ends the command with err.
func (l *listening) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
	l.stop(err)
}

// printAll prints what is stored, in the ledger's order, until no more comes.
func (l *listening) printAll() {
	for {
		select {
		case e := <-l.entries:
			l.printEntry(e)
		case <-l.closed:
			for len(l.entries) > 0 {
				l.printEntry(<-l.entries)
			}
			return
		}
	}
}

// printEntry prints a callback; one that cannot be printed ends the command, and
// those after it are in the ledger alone.
func (l *listening) printEntry(e store.Entry) {
	defer l.bytes.Release(unprintedBytes(e))
	if l.failure() != nil {
		return
	}
	if e.Further {
		l.inv.talk.Info("further", term.OneLine(e.Result.RequestID)+": a further callback, with another body than the one before",
			slog.Any("requestId", e.Result.RequestID))
	}
	if !l.silent {
		if err := l.print(e.Result); err != nil {
			l.fail(err)
			return
		}
	}
	l.inv.talk.Detail("callback", "a callback for "+term.OneLine(e.Result.RequestID)+" was accepted")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.printed++; l.printed == l.count {
		l.stop(errCounted)
	}
}

func (l *listening) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// finishPrinting waits for what is still to be printed, as long as somebody reads
// it.
func (l *listening) finishPrinting(printer *sync.WaitGroup) {
	close(l.closed)
	done := make(chan struct{})
	go func() {
		printer.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(closeLimit):
		l.inv.talk.Warn("not-printed", "nobody reads stdout: narada history has the callbacks that were not printed")
	}
	l.gone()
}

func (l *listening) print(r *narada.Result) error {
	if l.p.json {
		return l.p.JSON(r.Raw())
	}
	text := r.Text()
	if data := r.Structured(); data != nil {
		text = string(data)
	}
	return l.p.Text(fmt.Sprintf("%s\t%s\t%s", term.OneLine(r.RequestID), term.OneLine(string(r.Status)), term.OneLine(text)))
}

// announce says where callbacks go: ready once the address answers. Where it
// cannot be reached from here, as behind some routers, that is said too, and the
// ready file stays away.
func (l *listening) announce(ctx context.Context, in *receive.Server) {
	client := &http.Client{Transport: l.inv.transport()}
	defer client.CloseIdleConnections()
	said := false
	err := in.Ready(ctx, client, func(err error) {
		if said {
			return
		}
		said = true
		l.inv.talk.Warn("not-ready", "the address does not answer yet, from here: "+explain(err))
		l.tell("listening, not ready yet, on ", "not-ready", in.URL(l.ticket))
	})
	if err != nil {
		return // the command has ended
	}
	if err := l.ready.write(in.URL(l.ticket), l.ticket); err != nil {
		l.fail(&exitError{code: codeUnexpected, text: "ready file: " + err.Error()})
		return
	}
	if err := l.registration.Publish(in.URL(webhook.Ticket{}), time.Now()); err != nil {
		l.fail(&exitError{code: codeUnexpected, text: "the address cannot be told to other commands: " + err.Error()})
		return
	}
	if said {
		l.inv.talk.Info("ready", "the address answers now", slog.Any("url", in.URL(l.ticket)))
		return
	}
	l.tell("listening on ", "ready", in.URL(l.ticket))
}

// tell says the address, and to a person what a callback must show there.
func (l *listening) tell(text, event, address string) {
	l.inv.talk.Info(event, text+address, slog.Any("url", address))
	if !l.show {
		return
	}
	l.inv.talk.Reveal("secret", "callbackSecret "+l.ticket.Secret)
	for name := range l.ticket.Header {
		l.inv.talk.Reveal("header", "callbackHeaders "+name+": "+l.ticket.Header.Get(name))
	}
}

// follow says what befalls the address, and ends the command when it is gone for
// good.
func (l *listening) follow(e tunnel.Event) {
	switch e.Kind {
	case tunnel.Lost:
		l.inv.talk.Warn("tunnel-lost", "the tunnel is lost: callbacks cannot come in until it is back")
	case tunnel.Back:
		l.inv.talk.Info("tunnel-back", "the tunnel is back")
	case tunnel.Stopped:
		l.fail(&exitError{code: codeEndpoint, text: eventText("the tunnel was stopped", e), err: e.Err})
	}
}

// outcome is how the command ends: by signal with success, since it is a server,
// unless callbacks were counted that did not come.
func (l *listening) outcome(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failed != nil:
		return l.failed
	case l.count > 0 && l.printed < l.count:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: %d of %d callbacks came", cause(context.Cause(ctx)), l.printed, l.count)}
	case l.count > 0 && l.waiting > 0:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: %d callback%s came, and %d %s to be passed on", cause(context.Cause(ctx)), l.printed, plural(l.printed != 1), l.waiting, verb(l.waiting, "waits", "wait"))}
	case l.count > 0 && l.givenUp > 0:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d callback%s could not be passed on", l.givenUp, plural(l.givenUp != 1)), next: "narada replay --failed sends again what was for an endpoint"}
	}
	return nil
}
