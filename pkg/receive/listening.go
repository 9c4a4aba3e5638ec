package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Tunnel is an endpoint with events.
type Tunnel interface {
	Endpoint
	Events() <-chan tunnel.Event
}

// Store stores callbacks and has the tickets of tasks.
type Store interface {
	RefusalStore
	Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error)
	// Share marks the path of a ticket, which receives callbacks of any task.
	Share(webhook.Ticket)
	// Store stores a callback and reports whether it is no repeat. Unless it is
	// unlisted, Listening.Stored is called for it.
	Store(context.Context, webhook.Delivery, store.Forwarding) (isNew bool, err error)
}

// Forwarder forwards stored callbacks.
type Forwarder interface {
	// Plan says to whom a stored callback is forwarded.
	Plan() store.Forwarding
	// Wake says that a callback was stored.
	Wake()
	// Close ends the forwarding: with finish when nothing waits, or when ctx ends.
	Close(ctx context.Context, finish bool) (notForwarded, waiting int)
}

// ListeningOptions configure a Listening.
type ListeningOptions struct {
	Registry  Registry
	Name      string // "": a free one
	PublicURL string // the base of its callback URLs, if it is known before the endpoint is open
	ReadyFile string // path of a file, written once the address answers, with address and ticket; "": none

	Open       func(context.Context) (Tunnel, error)
	Ticket     webhook.Ticket     // for callbacks of tasks that were dispatched elsewhere
	Given      secret.Credentials // of them what the user chose
	MaxBody    int64              // bytes; 0: webhook.DefaultMaxBody
	HealthPath string             // as in Options
	Drain      time.Duration      // how long it takes callbacks after it was interrupted
	Count      int                // of callbacks after which it ends; 0: no limit
	Until      time.Time          // when it ends; zero: no limit

	// Filter says which callbacks are printed, forwarded and counted; nil: all. If it fails with
	// context.Canceled, the callback is not acknowledged.
	Filter func(*narada.Result) (bool, error)
	// Print prints a callback; nil: nothing is printed. If it fails with context.Canceled, no
	// more are printed; any other error ends the command.
	Print func(*narada.Result) error

	Random    io.Reader         // a cryptographic source
	Masker    *secret.Masker    // masks the results that are printed and stored; nil: nothing is masked
	Transport http.RoundTripper // for testing the address
	Report    func(Event)
}

// Listening is a listen command: it opens an endpoint, stores callbacks before it
// acknowledges them, and prints and forwards them.
type Listening struct {
	o            ListeningOptions
	registration Registered
	ready        *readyFile
	printing     *printing
	machine      machine
	unstored     repeats

	store     Store
	forwarder Forwarder
}

// endLimit is how long a reader of stdout that stalls may delay the end.
const endLimit = 500 * time.Millisecond

// Summary is the outcome of a Listening.
type Summary struct {
	Reason       error // ErrCounted, the context's cause, or what failed
	Done         int   // callbacks that were stored and printed
	NotForwarded int   // callbacks that a target refused
	Waiting      int   // callbacks that still wait to be forwarded
}

// StoppedError says that the tunnel was stopped.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string { return fmt.Sprintf("the tunnel was stopped: %v", e.Err) }

// Unwrap returns the reason.
func (e *StoppedError) Unwrap() error { return e.Err }

// NewListening registers the listener and removes a stale ready file. The error may be
// a *NameError or a *ReadyFileError.
func NewListening(ctx context.Context, o ListeningOptions) (l *Listening, err error) {
	l = &Listening{o: o}
	l.printing = newPrinting(maxUnprinted, maxUnprintedBytes, l.print)
	l.machine.state.count, l.machine.stop = o.Count, func() {}
	l.registration, l.o.Ticket, err = o.Registry.Register(ctx, Candidate{o.Name, o.PublicURL, o.Ticket, o.Given, l.fail})
	if err != nil {
		return nil, err
	}
	if l.ready, err = newReadyFile(o.ReadyFile); err != nil {
		return nil, errors.Join(err, l.registration.Close())
	}
	return l, nil
}

// Name returns the listener's name.
func (l *Listening) Name() string { return l.registration.Name() }

// Stored prints a callback that is durable. The store calls it in order. It blocks while
// the reader of stdout is too far behind.
func (l *Listening) Stored(e store.Entry) { l.printing.add(e) }

// Close removes the ready file and frees the name.
func (l *Listening) Close() error { return errors.Join(l.ready.remove(), l.registration.Close()) }

// Run listens until ctx ends or Count is reached. Once the endpoint is open it calls
// forward, which starts to forward stored callbacks and reports a failure that ends Run
// to failed. The error is that of opening, also when Until ends it, of forwarding or
// printing, or a *StoppedError.
// Run may be called once.
func (l *Listening) Run(ctx context.Context, s Store, forward func(ctx context.Context, failed func(error)) (Forwarder, error)) (Summary, error) {
	if !l.o.Until.IsZero() {
		timed, cancel := context.WithDeadline(ctx, l.o.Until)
		defer cancel()
		ctx = timed
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	l.store = s
	l.machine.stopWith(stop)
	s.Share(l.o.Ticket)
	endpoint, err := l.o.Open(ctx)
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Summary{Reason: context.Cause(ctx)}, nil
	case err != nil:
		return Summary{}, err
	}
	if l.forwarder, err = forward(ctx, l.fail); err != nil {
		return Summary{}, errors.Join(err, endpoint.Close(ctx))
	}
	var sum Summary
	sum.NotForwarded, sum.Waiting = l.serve(ctx, serving, endpoint)
	end := l.machine.now()
	sum.Reason, sum.Done = end.reason, end.done
	return sum, end.failure
}

// serve takes callbacks until serving ends, and then finishes printing and forwarding.
// The end of whole ends the forwarding early.
func (l *Listening) serve(whole, serving context.Context, endpoint Tunnel) (notForwarded, waiting int) {
	in := Open(endpoint, Options{
		Sink: l, Tickets: l, MaxBody: l.o.MaxBody, Random: l.o.Random, Masker: l.o.Masker, Refused: NoteRefused(l.store, l.o.Report),
		HealthPath: l.o.HealthPath,
	})
	in.Admit(l.o.Ticket)
	var others sync.WaitGroup
	others.Go(func() { Follow(serving, endpoint.Events(), l.follow) })
	others.Go(func() { l.announce(serving, in) })
	go l.printing.run() // ends in finish, unless the reader has stalled
	<-serving.Done()
	l.noteEnd(whole)
	l.drain(in)
	defer time.AfterFunc(endLimit, l.printing.abandon).Stop() // what is being stored may wait for it
	if err := in.Close(); err != nil {
		l.o.Report(CloseFailed{err})
	}
	others.Wait()
	if !l.printing.finish() {
		l.o.Report(NotPrinted{})
	}
	notForwarded, waiting = l.forwarder.Close(whole, l.machine.now().reason == ErrCounted)
	l.noteEnd(whole)
	l.machine.apply(drained, nil)
	return notForwarded, waiting
}

// drain takes callbacks after an interrupt, until a load balancer has noticed.
func (l *Listening) drain(in *Server) {
	end := l.machine.now()
	if l.o.Drain == 0 || end.failure != nil || end.reason == ErrCounted || errors.Is(end.reason, context.DeadlineExceeded) {
		return
	}
	in.Drain()
	_ = l.registration.Withdraw(context.Background()) // otherwise tasks are sent to a listener that ends
	l.o.Report(Draining{l.o.Drain})
	time.Sleep(l.o.Drain)
}

// noteEnd applies the end of the context, if it has ended.
func (l *Listening) noteEnd(ctx context.Context) {
	if ctx.Err() != nil {
		l.machine.apply(ended, context.Cause(ctx))
	}
}

func (l *Listening) fail(err error) { l.machine.apply(failed, err) }

// Deliver implements webhook.Sink: a callback is stored, acknowledged, and then printed.
func (l *Listening) Deliver(ctx context.Context, d webhook.Delivery) error {
	matches, err := l.matches(d.Result)
	if err != nil {
		return l.notStored(err)
	}
	if !matches {
		_, err := l.store.Store(ctx, d, store.Forwarding{Unlisted: true})
		return l.notStored(err)
	}
	if !l.machine.apply(offered, nil) {
		return ErrCounted // answered 503: another listener may take it
	}
	isNew, err := l.store.Store(ctx, d, l.forwarder.Plan())
	if err != nil || !isNew {
		l.machine.apply(dropped, nil)
	}
	if err == nil { // a repeat may be of one whose first answer was 503 although it was stored
		l.forwarder.Wake()
	}
	return l.notStored(err)
}

// Ticket implements webhook.TicketStore: tickets of tasks in the ledger.
func (l *Listening) Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error) {
	t, ok, err := l.store.Ticket(ctx, path)
	if ctx.Err() == nil { // else the client is gone
		err = l.notStored(err)
	}
	return t, ok, err
}

// matches applies the filter. An error says that it was ended before it could tell: the
// callback is not acknowledged, and left for the next listener.
func (l *Listening) matches(r *narada.Result) (bool, error) {
	if l.o.Filter == nil {
		return true, nil
	}
	yes, err := l.o.Filter(r)
	switch {
	case errors.Is(err, context.Canceled):
		return false, err
	case yes && err == nil:
		return true, nil
	}
	l.o.Report(FilteredOut{r.RequestID, err})
	return false, nil
}

func (l *Listening) notStored(err error) error {
	if err != nil {
		if times := l.unstored.note(err.Error(), time.Now()); times > 0 {
			l.o.Report(NotStored{err, times})
		}
	}
	return err
}

// print prints a callback. A failure ends the command, and later callbacks are only
// stored.
func (l *Listening) print(e store.Entry) {
	if l.machine.now().failure != nil {
		return
	}
	if l.o.Print != nil {
		err := l.o.Print(e.Result)
		switch {
		case errors.Is(err, context.Canceled): // the command has ended, and printing with it
			l.printing.abandon()
			return
		case err != nil:
			l.fail(err)
			return
		}
	}
	if l.machine.apply(done, nil) {
		l.o.Report(Accepted{e.Result.RequestID, e.Further})
	}
}

// announce publishes the address once it answers. If it cannot be reached from here, as
// behind some routers, it is not published.
func (l *Listening) announce(ctx context.Context, in *Server) {
	defer (&http.Client{Transport: l.o.Transport}).CloseIdleConnections()
	address := in.URL(l.o.Ticket)
	late := false
	err := in.Ready(ctx, l.o.Ticket, l.o.Transport, func(err error) {
		if !late {
			late = true
			l.o.Report(NotReady{address, l.o.Ticket, err})
		}
	})
	if err != nil {
		return // the command has ended
	}
	// The ready file is last: who has seen it may use the listener by its name.
	if err := l.registration.Publish(context.WithoutCancel(ctx), in.URL(webhook.Ticket{})); err != nil {
		l.fail(fmt.Errorf("cannot publish the address for other commands: %w", err))
		return
	}
	if err := l.ready.write(address, l.o.Ticket); err != nil {
		l.fail(fmt.Errorf("ready file: %w", err))
		return
	}
	l.o.Report(Ready{address, l.o.Ticket, late})
}

// follow reports an event of the address, and ends the command when that is stopped.
func (l *Listening) follow(e tunnel.Event) {
	if e.Kind == tunnel.Stopped {
		l.fail(&StoppedError{e.Err})
		return
	}
	l.o.Report(TunnelChanged{e.Kind})
}
