// Package cmd is narada's command line: flags in, wiring, answer out. Each
// command has a file with three things in it: its options, its declaration, and
// the function that does it.
//
// The package is private to narada.
package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mattn/go-colorable"

	"github.com/narada-cli/narada/pkg/term"
)

// App is the outside world: the streams, the terminal, the environment, the clock,
// signals and random numbers. What a command has of it, it has from here.
type App struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	StdinTerminal, StdoutTerminal, StderrTerminal bool

	Lookup  func(name string) (string, bool) // environment
	Environ func() []string
	Dir     string           // working directory
	Now     func() time.Time // nil: the machine's clock
	Random  io.Reader        // cryptographic
	Build   Build

	start     time.Time // of the command: time limits count from here
	interrupt softInterrupt
}

// Main runs the program and returns its exit code. A program that a signal ended
// does not return: it dies of that signal, so that a shell's loop around it
// stops.
func Main(build Build) int {
	dir, _ := os.Getwd() // a folder that is gone has no project file
	app := &App{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout,
		Stderr:         colorable.NewColorableStderr(),
		StdinTerminal:  term.IsTerminal(os.Stdin),
		StdoutTerminal: term.IsTerminal(os.Stdout),
		StderrTerminal: term.IsTerminal(os.Stderr),
		Lookup:         os.LookupEnv, Environ: os.Environ, Dir: dir, Random: rand.Reader, Build: build,
	}
	ctx, stop := context.Background(), func() {}
	if wanted(app.Args) != nil { // else it has ended before a signal could be caught
		ctx, stop = catchSignals(ctx, &app.interrupt)
	}
	code := app.Run(ctx)
	switch code {
	case codeSignal:
		stop()
		s := signalOf(ctx)
		if s == nil { // it was a soft interrupt
			s = os.Interrupt
		}
		dieOf(s)
	case codePipe:
		stop()
		dieOf(syscall.SIGPIPE)
	}
	return code // the process's end is the end of catching too, and the quickest
}

func (a *App) getenv(name string) string {
	value, _ := a.Lookup(name)
	return value
}

func (a *App) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}

// stdoutWidth is the columns of the terminal that stdout is.
func (a *App) stdoutWidth() int { return term.Width(os.Stdout) }

// stderrWidth is the columns of the terminal that stderr is.
func (a *App) stderrWidth() int { return term.Width(os.Stderr) }

// readSecret asks for a line on the terminal that stdin is, and does not show what
// is typed.
func (a *App) readSecret(ctx context.Context, prompt string) (string, error) {
	text, err := term.ReadSecret(ctx, os.Stdin, a.Stderr, prompt)
	if errors.Is(err, io.EOF) || err == nil && text == "" {
		err = errors.New("nothing was typed")
	}
	return text, err
}

// endingReader reads until ctx ends: a pipe on which nothing comes must not hold
// a program that is to end. The read that is under way then is left behind.
type endingReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (e *endingReader) Read(p []byte) (int, error) {
	type outcome struct {
		n   int
		err error
	}
	done, buffer := make(chan outcome, 1), make([]byte, len(p))
	go func() {
		n, err := e.r.Read(buffer)
		done <- outcome{n, err}
	}()
	select {
	case o := <-done:
		return copy(p, buffer[:o.n]), o.err
	case <-e.ctx.Done():
		return 0, context.Cause(e.ctx)
	}
}

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

// softInterrupt is closed by the first SIGINT, of a command that has much under way
// and finishes that first.
type softInterrupt struct{ atomic.Pointer[chan struct{}] }

// softInterrupt returns a channel that the first SIGINT from now on closes, which
// then has no other effect.
func (a *App) softInterrupt() <-chan struct{} {
	requested := make(chan struct{})
	a.interrupt.Store(&requested)
	return requested
}

// take reports whether the signal is the soft interrupt that a command waits for.
func (i *softInterrupt) take(s os.Signal) bool {
	if s != os.Interrupt {
		return false
	}
	requested := i.Swap(nil)
	if requested != nil {
		close(*requested)
	}
	return requested != nil
}

// catchSignals ends the context on SIGINT, SIGTERM and, where it is not ignored
// (nohup), SIGHUP. A second signal ends the program at once.
func catchSignals(parent context.Context, soft *softInterrupt) (ctx context.Context, stop func()) {
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
				if soft.take(s) {
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
