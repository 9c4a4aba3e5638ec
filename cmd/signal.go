package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string {
	switch e.signal {
	case os.Interrupt:
		return "interrupted"
	case syscall.SIGTERM:
		return "terminated"
	}
	return e.signal.String()
}

// errPipe reports whether err is that nobody reads our stdout any more.
func errPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// patience lets a command that has much under way take the first SIGINT as a wish
// to come to an end.
type patience struct {
	mu    sync.Mutex
	asked chan struct{}
	heard bool
}

// wish returns a channel that the first SIGINT from now on closes, which then has no
// other effect.
func (p *patience) wish() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = make(chan struct{})
	return p.asked
}

// take reports whether the signal is such a wish.
func (p *patience) take(s os.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s != os.Interrupt || p.asked == nil || p.heard {
		return false
	}
	p.heard = true
	close(p.asked)
	return true
}

// catchSignals ends the context on SIGINT, SIGTERM and, where it is not ignored
// (nohup), SIGHUP. A second signal ends the program at once.
func catchSignals(parent context.Context, p *patience) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 2)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(caught, signals...)
	// A write to a closed pipe is an error first, so that what is open can be
	// closed; the program dies of the signal after that.
	signal.Ignore(syscall.SIGPIPE)
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case s := <-caught:
				if p.take(s) {
					continue
				}
				if ctx.Err() != nil {
					dieOf(s)
				}
				cancel(&signalError{s})
			case <-stopped:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		close(stopped)
		<-done
	}
}

// signalOf returns the signal that ended ctx, nil when none did.
func signalOf(ctx context.Context) os.Signal {
	if s, ok := errors.AsType[*signalError](context.Cause(ctx)); ok {
		return s.signal
	}
	return nil
}

// dieOf ends the program by the signal, which a shell can tell from an exit
// code. It exits with 128 and the signal's number where that does not work.
func dieOf(s os.Signal) {
	signal.Reset(s)
	if p, err := os.FindProcess(os.Getpid()); err == nil && p.Signal(s) == nil {
		time.Sleep(time.Second) // the signal is on its way
	}
	number, _ := s.(syscall.Signal)
	os.Exit(128 + int(number))
}
