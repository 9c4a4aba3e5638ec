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
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Tunnel is an endpoint that reports what happens to it.
type Tunnel interface {
	Endpoint
	Events() <-chan tunnel.Event
}

// Store keeps callbacks, and knows the tickets of tasks.
type Store interface {
	RefusalStore
	Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error)
	// Share says that callbacks for any task may come to the path.
	Share(path string)
	// Store stores a callback, and reports whether it is no repeat. The store tells
	// Listening.Stored of it unless it is unlisted.
	Store(context.Context, webhook.Delivery, store.Forwarding) (isNew bool, err error)
}

// Forwarder forwards the callbacks that were stored for it.
type Forwarder interface {
	// Plan is what the store is told of a callback that is to be forwarded.
	Plan() store.Forwarding
	// Wake says that a callback was stored.
	Wake()
	// Close ends the forwarding: with finish when nothing waits any more, or ctx ends.
	Close(ctx context.Context, finish bool) (notForwarded, waiting int)
}

// ListeningOptions say what a Listening does.
type ListeningOptions struct {
	Dir       string // where running listeners are registered
	Name      string // "": one that is free
	ReadyFile string // path of a file with address and ticket that is there once the address answers; "": none

	Open    func(context.Context) (Tunnel, error)
	Ticket  webhook.Ticket // for callbacks of tasks that were dispatched elsewhere
	MaxBody int64          // bytes; 0: webhook.DefaultMaxBody
	Count   int            // ends it after so many callbacks; 0: nothing does
	Until   time.Time      // ends it; zero: nothing does

	Wanted func(*narada.Result) (bool, error) // which callbacks are printed, forwarded and counted; nil: all
	Print  func(*narada.Result) error         // nil: nothing is printed

	Random    io.Reader         // a cryptographic source
	Transport http.RoundTripper // by which the address is tried
	Report    func(Event)
}

// Listening is a listen command: it opens an endpoint, stores the callbacks that come
// in before it acknowledges them, and prints and forwards them.
type Listening struct {
	o            ListeningOptions
	registration *Registration
	ready        *readyFile
	printing     *printing
	machine      machine

	store     Store
	forwarder Forwarder
}

// Summary is how a Listening has ended.
type Summary struct {
	Reason       error // ErrCounted, the context's cause, or what failed
	Done         int   // callbacks that were taken, and printed
	NotForwarded int   // that a target did not take
	Waiting      int   // that are still to be forwarded
}

// StoppedError says that the address was taken away.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string { return fmt.Sprintf("the tunnel was stopped: %v", e.Err) }

// Unwrap returns why.
func (e *StoppedError) Unwrap() error { return e.Err }

// NewListening registers the listener and removes a stale ready file. The error may be
// a *NameError or a *ReadyFileError.
func NewListening(o ListeningOptions) (*Listening, error) {
	registration, err := Register(o.Dir, o.Name)
	if err != nil {
		return nil, err
	}
	ready, err := newReadyFile(o.ReadyFile)
	if err != nil {
		return nil, errors.Join(err, registration.Close())
	}
	l := &Listening{o: o, registration: registration, ready: ready}
	l.printing = newPrinting(maxUnprinted, maxUnprintedBytes, l.print)
	l.machine.state.count = o.Count
	return l, nil
}

// Name returns the listener's name.
func (l *Listening) Name() string { return l.registration.Name() }

// Stored is what the store tells of callbacks once they are durable, one after the
// other. It blocks while the reader of what is printed is too far behind.
func (l *Listening) Stored(e store.Entry) { l.printing.add(e) }

// Close removes the ready file and gives the name back.
func (l *Listening) Close() error { return errors.Join(l.ready.remove(), l.registration.Close()) }

// Run listens until ctx ends, or it has what it was to count. forward begins to forward
// what is stored, once the endpoint is open; it is to tell failed what it cannot work
// without. The error is what has ended it before its time: that of opening, forwarding or
// printing, or a *StoppedError. Run may be called once.
func (l *Listening) Run(ctx context.Context, s Store, forward func(ctx context.Context, failed func(error)) (Forwarder, error)) (Summary, error) {
	if !l.o.Until.IsZero() {
		timed, cancel := context.WithDeadline(ctx, l.o.Until)
		defer cancel()
		ctx = timed
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	l.store, l.machine.stop = s, stop
	s.Share(l.o.Ticket.Path)
	endpoint, err := l.o.Open(ctx)
	switch {
	case err != nil && ctx.Err() != nil: // it was ended before it had begun
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

// serve takes callbacks until serving ends, and then prints and forwards what it has
// taken. The end of whole cuts the forwarding short.
func (l *Listening) serve(whole, serving context.Context, endpoint Tunnel) (notForwarded, waiting int) {
	in := Open(endpoint, Options{
		Sink: l, Tickets: l.store, MaxBody: l.o.MaxBody, Random: l.o.Random, Refused: NoteRefused(l.store, l.o.Report),
	})
	in.Admit(l.o.Ticket)
	var others sync.WaitGroup
	others.Go(func() { Follow(serving, endpoint.Events(), l.follow) })
	others.Go(func() { l.announce(serving, in) })
	go l.printing.run() // ends in finish, unless its reader has stalled
	<-serving.Done()
	l.noteEnd(whole)
	if err := in.Close(); err != nil {
		l.o.Report(CloseFailed{err})
	}
	others.Wait()
	if !l.printing.finish(CloseLimit) {
		l.o.Report(NotPrinted{})
	}
	notForwarded, waiting = l.forwarder.Close(whole, l.machine.now().reason == ErrCounted)
	l.noteEnd(whole)
	l.machine.apply(drained, nil)
	return notForwarded, waiting
}

// noteEnd notes that the context has ended, if it has.
func (l *Listening) noteEnd(ctx context.Context) {
	if ctx.Err() != nil {
		l.machine.apply(ended, context.Cause(ctx))
	}
}

func (l *Listening) fail(err error) { l.machine.apply(failed, err) }

// Deliver implements webhook.Sink: what is stored is acknowledged, and then printed.
func (l *Listening) Deliver(ctx context.Context, d webhook.Delivery) error {
	if !l.wants(d.Result) {
		_, err := l.store.Store(ctx, d, store.Forwarding{Unlisted: true})
		return l.notStored(err)
	}
	if !l.machine.apply(offered, nil) {
		return ErrCounted // 503: another listener may take it
	}
	isNew, err := l.store.Store(ctx, d, l.forwarder.Plan())
	if err != nil || !isNew {
		l.machine.apply(dropped, nil)
	} else {
		l.forwarder.Wake()
	}
	return l.notStored(err)
}

func (l *Listening) wants(r *narada.Result) bool {
	if l.o.Wanted == nil {
		return true
	}
	yes, err := l.o.Wanted(r)
	if yes && err == nil {
		return true
	}
	l.o.Report(FilteredOut{r.RequestID, err})
	return false
}

func (l *Listening) notStored(err error) error {
	if err != nil {
		l.o.Report(NotStored{err})
	}
	return err
}

// print prints a callback; where one cannot be printed that ends the command, and
// those after it are in the store alone.
func (l *Listening) print(e store.Entry) {
	if l.machine.now().failure != nil {
		return
	}
	if l.o.Print != nil {
		if err := l.o.Print(e.Result); err != nil {
			l.fail(err)
			return
		}
	}
	if l.machine.apply(done, nil) {
		l.o.Report(Accepted{e.Result.RequestID, e.Further})
	}
}

// announce tells others where callbacks go once the address answers. Where it cannot be
// reached from here, as behind some routers, it tells nobody.
func (l *Listening) announce(ctx context.Context, in *Server) {
	client := &http.Client{Transport: l.o.Transport}
	defer client.CloseIdleConnections()
	address := in.URL(l.o.Ticket)
	late := false
	err := in.Ready(ctx, client, func(err error) {
		if !late {
			late = true
			l.o.Report(NotReady{address, l.o.Ticket, err})
		}
	})
	if err != nil {
		return // the command has ended
	}
	if err := l.ready.write(address, l.o.Ticket); err != nil {
		l.fail(fmt.Errorf("ready file: %w", err))
		return
	}
	if err := l.registration.Publish(in.URL(webhook.Ticket{}), time.Now()); err != nil {
		l.fail(fmt.Errorf("the address cannot be told to other commands: %w", err))
		return
	}
	l.o.Report(Ready{address, l.o.Ticket, late})
}

// follow reports what happens to the address, and ends the command when it is gone for
// good.
func (l *Listening) follow(e tunnel.Event) {
	if e.Kind == tunnel.Stopped {
		l.fail(&StoppedError{e.Err})
		return
	}
	l.o.Report(TunnelChanged{e.Kind})
}
