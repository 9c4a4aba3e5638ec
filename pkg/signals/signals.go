// Package signals turns SIGINT, SIGTERM and SIGHUP into the end of a context, and ends
// the program by a signal, as a shell expects it.
//
// The package is private to narada.
package signals

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Error is the cause of a context that a signal ended.
type Error struct{ Signal os.Signal }

func (e *Error) Error() string {
	switch e.Signal {
	case os.Interrupt:
		return "interrupted"
	case syscall.SIGTERM:
		return "terminated"
	}
	return e.Signal.String()
}

// Of returns the signal that ended ctx, or nil.
func Of(ctx context.Context) os.Signal {
	if s, ok := errors.AsType[*Error](context.Cause(ctx)); ok {
		return s.Signal
	}
	return nil
}

// Soft is the soft interrupt: the first SIGINT of a command that finishes what is under
// way. The zero value is ready for use.
type Soft struct{ requested atomic.Pointer[chan struct{}] }

// Wait returns a channel that the next SIGINT closes. That SIGINT has no other effect.
func (s *Soft) Wait() <-chan struct{} {
	requested := make(chan struct{})
	s.requested.Store(&requested)
	return requested
}

// take reports whether the signal is the soft interrupt that a command waits for.
func (s *Soft) take(sig os.Signal) bool {
	if sig != os.Interrupt {
		return false
	}
	requested := s.requested.Swap(nil)
	if requested != nil {
		close(*requested)
	}
	return requested != nil
}

// repeated is how long after a signal the same one is taken for it.
const repeated = 500 * time.Millisecond

// Catch ends the context on SIGINT, SIGTERM and, unless it is ignored (nohup), SIGHUP.
// A second signal ends the program at once, after a call of last, unless it is the first one
// once more: a program that ends others may signal a process, and then its group.
func Catch(parent context.Context, soft *Soft, last func()) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 2)
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	signal.Notify(caught, list...)
	// A write to a closed pipe returns an error first, so that the program can close
	// what is open. It dies of the signal after that.
	signal.Ignore(syscall.SIGPIPE)
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		follow(ctx, cancel, soft, caught, stopped, func(s os.Signal) {
			last()
			Die(s)
		})
	}()
	return ctx, func() {
		signal.Stop(caught)
		close(stopped)
		<-done
	}
}

// follow ends the context at the first signal and calls die at a second one, until stopped.
func follow(ctx context.Context, end context.CancelCauseFunc, soft *Soft, caught <-chan os.Signal, stopped <-chan struct{}, die func(os.Signal)) {
	var ended time.Time // of ctx
	for {
		select {
		case s := <-caught:
			switch {
			case soft.take(s):
			case ctx.Err() == nil:
				ended = time.Now()
				end(&Error{s})
			case s != Of(ctx) || time.Since(ended) >= repeated:
				die(s)
			}
		case <-stopped:
			return
		}
	}
}

// Die ends the program by the signal, which a shell can tell from an exit code. Where
// that does not work, as on Windows, it exits with 128 plus the signal's number.
func Die(s os.Signal) {
	die(s)
	number, _ := s.(syscall.Signal)
	os.Exit(128 + int(number))
}
