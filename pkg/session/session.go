// Package session starts and stops cloud browser sessions so that none is left running by
// mistake: a session costs until it is stopped or times out, and only its ID stops it. An
// interrupted start is awaited, and its session is stopped. A task's session is stopped
// whatever the task's outcome. The ledger has the sessions that were started from here.
//
// The package is private to narada.
package session

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// The limits on a start after an interrupt, and on stopping a session.
const (
	startGrace = 30 * time.Second
	stopLimit  = 20 * time.Second
)

// Client is the API as this package uses it. *narada.Client implements it.
type Client interface {
	StartSession(ctx context.Context, r narada.SessionRequest) (*narada.Session, error)
	StopSession(ctx context.Context, id string, status narada.SessionStatus) error
}

// Event is what Sessions report: one of the structs below. ID is a session's.
type Event interface{ event() }

type (
	// Retrying is a failed call that is retried: to stop the session, or without an ID, to
	// start one.
	Retrying struct {
		ID  string
		Err error
		In  time.Duration
	}
	// Awaited is an interrupted start, whose session is awaited to stop it.
	Awaited struct{ Cause error }
	// Started is a session that was started for a task.
	Started struct{ ID string }
	// Stopping is a session that is being stopped after an interrupt.
	Stopping struct {
		ID    string
		Cause error
	}
	// Stopped is a session that was stopped. Err is set if it had already ended.
	Stopped struct {
		ID  string
		Err error
	}
	// NotStored is that something about a session could not be stored, the first time.
	NotStored struct{ Err error }
	// NotStopped is a session that could not be stopped, and costs until its timeout.
	NotStopped struct {
		ID  string
		Err error
	}
)

func (Retrying) event()   {}
func (Awaited) event()    {}
func (Started) event()    {}
func (Stopping) event()   {}
func (Stopped) event()    {}
func (NotStored) event()  {}
func (NotStopped) event() {}

// Sessions starts and stops sessions.
type Sessions struct {
	Client  Client
	Report  func(Event)  // called by one goroutine at a time
	Store   store.Writer // nil: nothing is stored
	Cloud   string       // address of the API
	Machine string       // name of this one, "" if unknown

	warned bool // that something could not be stored
}

// Errors of a Start whose ctx ended after the session was started.
var (
	ErrStopped = errors.New("the session was stopped")
	ErrLeft    = errors.New("the session could not be stopped")
)

// Start starts a session. If ctx ends during the call, it waits for the session and stops
// it, since its ID would be lost; the error is then ErrStopped or ErrLeft. Other errors are
// *narada.SessionErrors or ctx's cause.
func (s *Sessions) Start(ctx context.Context, r narada.SessionRequest) (*narada.Session, error) {
	var started *narada.Session
	kept := s.intend(ctx, r)
	err := await.Retry(ctx, func(ctx context.Context) error {
		ended := func() { s.Report(Awaited{context.Cause(ctx)}) }
		return await.Detach(ctx, startGrace, ended, func(ctx context.Context) (err error) {
			started, err = s.Client.StartSession(ctx, r)
			return err
		})
	}, retryable, s.retrying(""))
	s.keep(ctx, kept, started, err)
	switch {
	case err != nil:
		return nil, err
	case ctx.Err() == nil:
		return started, nil
	case s.End(ctx, started.ID, nil):
		return nil, ErrStopped
	}
	return nil, ErrLeft
}

func (s *Sessions) retrying(id string) func(error, time.Duration) {
	return func(err error, in time.Duration) { s.Report(Retrying{id, err, in}) }
}

func retryable(err error) bool {
	failure, ok := errors.AsType[*narada.SessionError](err)
	return ok && failure.Retryable()
}

// Use calls run and then stops the session. stopped reports whether it has ended.
func (s *Sessions) Use(ctx context.Context, started *narada.Session, run func() error) (stopped bool, err error) {
	s.Report(Started{started.ID})
	err = errPanic
	defer func() { stopped = s.End(ctx, started.ID, err) }()
	err = run()
	return false, err
}

var errPanic = errors.New("panic")

// End stops a session whose use ended with err, even if ctx has ended. It reports whether
// the session has ended.
func (s *Sessions) End(ctx context.Context, id string, err error) bool {
	status := narada.SessionComplete
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		status = narada.SessionTimedOut
	case ctx.Err() != nil:
		status = narada.SessionTerminated
		s.Report(Stopping{id, context.Cause(ctx)})
	case err != nil:
		status = narada.SessionFailed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	err = s.Stop(ctx, id, status)
	if err != nil && !errors.Is(err, narada.ErrNotStopped) {
		s.Report(NotStopped{id, err})
		return false
	}
	s.Report(Stopped{id, err})
	return true
}

// Stop stops a session, with retries, which do no harm. If a retry finds that it has ended,
// an earlier call stopped it.
func (s *Sessions) Stop(ctx context.Context, id string, status narada.SessionStatus) error {
	calls := 0
	err := await.Retry(ctx, func(ctx context.Context) error {
		calls++
		return s.Client.StopSession(ctx, id, status)
	}, narada.Temporary, s.retrying(id))
	gone := errors.Is(err, narada.ErrNotStopped)
	if gone && calls > 1 {
		err = nil
	}
	switch {
	case err == nil:
		s.ended(ctx, id, status)
	case gone:
		s.ended(ctx, id, store.SessionEnded)
	}
	return err
}
