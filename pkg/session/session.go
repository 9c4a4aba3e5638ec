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

// Event is what Sessions report: one of the structs below. ID is that of a session.
type Event interface{ event() }

type (
	// Retrying is a call that failed, and is made again: to stop the session, or where
	// there is no ID, to start one.
	Retrying struct {
		ID  string
		Err error
		In  time.Duration
	}
	// Awaited is a start that was interrupted: its session is waited for, to stop it.
	Awaited struct{ Cause error }
	// Started is a session that was started for a task.
	Started struct{ ID string }
	// Stopping is a session that is being stopped after an interrupt. Another interrupt
	// may cut that short.
	Stopping struct {
		ID    string
		Cause error
	}
	// Stopped is a session that was stopped. Err, if not nil, says that it had ended
	// already.
	Stopped struct {
		ID  string
		Err error
	}
	// NotStopped is one that could not be stopped, and costs until its own timeout.
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
func (NotStopped) event() {}

// Sessions starts and stops sessions.
type Sessions struct {
	Client Client
	Report func(Event) // called by one goroutine at a time
}

// Why there is no session, though one was started: ctx had ended.
var (
	ErrStopped = errors.New("the session was stopped again")
	ErrLeft    = errors.New("the session could not be stopped again")
)

// Start starts a session. When ctx ends while it is on its way, it is waited for a
// while and stopped: nobody would know its ID. Other errors than those of that are
// *narada.SessionErrors, or ctx's cause.
func (s *Sessions) Start(ctx context.Context, r narada.SessionRequest) (*narada.Session, error) {
	var started *narada.Session
	err := await.Retry(ctx, func(ctx context.Context) error {
		ended := func() { s.Report(Awaited{context.Cause(ctx)}) }
		return await.Detach(ctx, startGrace, ended, func(ctx context.Context) (err error) {
			started, err = s.Client.StartSession(ctx, r)
			return err
		})
	}, retryable, s.retrying(""))
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

// Use has run use the session, and stops it whatever comes of that. stopped is true
// when it runs no more.
func (s *Sessions) Use(ctx context.Context, started *narada.Session, run func() error) (stopped bool, err error) {
	s.Report(Started{started.ID})
	err = errPanic
	defer func() { stopped = s.End(ctx, started.ID, err) }()
	err = run()
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
	err = s.Stop(ctx, id, status)
	if err != nil && !errors.Is(err, narada.ErrNotStopped) {
		s.Report(NotStopped{id, err})
		return false
	}
	s.Report(Stopped{id, err})
	return true
}

// Stop stops a session, again where that may help: stopping twice does no harm. One
// that has ended when it is asked again was stopped by a call whose answer was lost.
func (s *Sessions) Stop(ctx context.Context, id string, status narada.SessionStatus) error {
	calls := 0
	err := await.Retry(ctx, func(ctx context.Context) error {
		calls++
		return s.Client.StopSession(ctx, id, status)
	}, narada.Temporary, s.retrying(id))
	if calls > 1 && errors.Is(err, narada.ErrNotStopped) {
		return nil
	}
	return err
}
