// Package session starts and stops cloud browser sessions so that none is left running
// by mistake: a session costs until it is stopped or its timeout has passed, and only
// who knows its ID can stop it. A start that is interrupted is waited for, and the
// session is stopped; what a task ran in is stopped whatever came of the task.
//
// It is a room of its own since a session is not a task: nothing of it is in the
// store, no callback tells of it, and what must not be lost is its end. What it has in
// common with a dispatch, retrying and calls that outlive an interrupt, it has from
// package await.
//
// The package is private to narada.
package session

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
)

// The time that a session which nobody will use has to come, and then to be stopped.
const (
	startGrace = 30 * time.Second
	stopLimit  = 20 * time.Second
)

// Client is the API as this package uses it. *narada.Client has it.
type Client interface {
	StartSession(ctx context.Context, r narada.SessionRequest) (*narada.Session, error)
	StopSession(ctx context.Context, id string, status narada.SessionStatus) error
}

// Event is what Sessions report: one of the structs below.
type Event interface{ event() }

type (
	// StartFailed is a start that failed, and is made again.
	StartFailed struct {
		Err error
		In  time.Duration
	}
	// StartAwaited is a start that was interrupted: its session is waited for, to stop it.
	StartAwaited struct{ Cause error }
	// Started is a session that was started for a task.
	Started struct{ ID string }
	// StopFailed is a stop that failed, and is made again.
	StopFailed struct {
		ID  string
		Err error
		In  time.Duration
	}
	// Stopping is a session that is being stopped after an interrupt. Another interrupt
	// may cut that short.
	Stopping struct {
		ID    string
		Cause error
	}
	// Stopped is a session that was stopped.
	Stopped struct{ ID string }
	// HadEnded is one that had ended already.
	HadEnded struct {
		ID  string
		Err error
	}
	// NotStopped is one that could not be stopped, and costs until its own timeout.
	NotStopped struct {
		ID  string
		Err error
	}
)

func (StartFailed) event()  {}
func (StartAwaited) event() {}
func (Started) event()      {}
func (StopFailed) event()   {}
func (Stopping) event()     {}
func (Stopped) event()      {}
func (HadEnded) event()     {}
func (NotStopped) event()   {}

// Sessions starts and stops sessions.
type Sessions struct {
	Client Client
	Report func(Event) // called by one goroutine at a time
}

// NotStartedError says that there is no session to be used.
type NotStartedError struct {
	Maybe bool  // one may run, nobody knows its ID
	Cause error // of the end of the context, nil when it has not ended
	Err   error // of the call; nil: the session came after the end
}

func (e *NotStartedError) Error() string {
	err := e.Err
	if err == nil {
		err = e.Cause
	}
	return "start a session: " + err.Error()
}

// Unwrap returns the errors of the call and of the end of the context.
func (e *NotStartedError) Unwrap() []error {
	var list []error
	for _, err := range []error{e.Err, e.Cause} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// Start starts a session. When ctx ends while it is on its way, it is waited for a
// while and stopped. Every error is a *NotStartedError.
func (s *Sessions) Start(ctx context.Context, r narada.SessionRequest) (*narada.Session, error) {
	var started *narada.Session
	err := await.Retry(ctx, func(ctx context.Context) error {
		ended := func() { s.Report(StartAwaited{context.Cause(ctx)}) }
		return await.Detach(ctx, startGrace, ended, func(ctx context.Context) (err error) {
			started, err = s.Client.StartSession(ctx, r)
			return err
		})
	}, retryable, func(err error, in time.Duration) { s.Report(StartFailed{err, in}) })
	if err == nil && ctx.Err() == nil {
		return started, nil
	}
	failure := &NotStartedError{Err: err}
	if ctx.Err() != nil {
		failure.Cause = context.Cause(ctx)
	}
	if call, ok := errors.AsType[*narada.SessionError](err); ok {
		failure.Maybe = call.Maybe
	}
	if err == nil {
		failure.Maybe = !s.End(ctx, started.ID, nil)
	}
	return nil, failure
}

func retryable(err error) bool {
	failure, ok := errors.AsType[*narada.SessionError](err)
	return ok && failure.Retryable()
}

// Use starts a session, has run use it, and stops it whatever comes of that. stopped
// is true when it runs no more, or never did.
func (s *Sessions) Use(ctx context.Context, r narada.SessionRequest, run func(*narada.Session) error) (stopped bool, err error) {
	started, err := s.Start(ctx, r)
	if err != nil {
		return true, err
	}
	s.Report(Started{started.ID})
	err = errPanic
	defer func() { stopped = s.End(ctx, started.ID, err) }()
	err = run(started)
	return false, err
}

var errPanic = errors.New("panic")

// End stops a session after what it was for has ended with err: ctx may have ended. It
// reports whether the session runs no more.
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
	switch err := s.Stop(ctx, id, status); {
	case err == nil:
		s.Report(Stopped{id})
	case errors.Is(err, narada.ErrNotStopped):
		s.Report(HadEnded{id, err})
	default:
		s.Report(NotStopped{id, err})
		return false
	}
	return true
}

// Stop stops a session, again where that may help: stopping twice does no harm. One
// that has ended when it is asked again was stopped by a call whose answer was lost.
func (s *Sessions) Stop(ctx context.Context, id string, status narada.SessionStatus) error {
	calls := 0
	err := await.Retry(ctx, func(ctx context.Context) error {
		calls++
		return s.Client.StopSession(ctx, id, status)
	}, narada.Temporary, func(err error, in time.Duration) { s.Report(StopFailed{id, err, in}) })
	if calls > 1 && errors.Is(err, narada.ErrNotStopped) {
		return nil
	}
	return err
}
