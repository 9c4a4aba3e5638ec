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
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/mattn/go-colorable"

	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/term"
)

// App is the program's outside: what a command has of the world, it has from
// here.
type App struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	StdinTerminal, StdoutTerminal, StderrTerminal bool

	Lookup  func(name string) (string, bool) // environment
	Environ func() []string
	Dir     string    // working directory
	Random  io.Reader // cryptographic
	Build   Build

	start    time.Time // of the command: time limits count from here
	patience patience
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
		ctx, stop = catchSignals(ctx, &app.patience)
	}
	code := app.Run(ctx)
	switch code {
	case codeSignal:
		stop()
		s := signalOf(ctx)
		if s == nil { // a command has taken it as a wish
			s = os.Interrupt
		}
		dieOf(s)
	case codePipe:
		stop()
		dieOf(syscall.SIGPIPE)
	}
	return code // the process's end is the end of catching too, and the quickest
}

// Run runs one command and returns its exit code.
func (a *App) Run(ctx context.Context) (code int) {
	a.start = time.Now()
	inv := newInvocation(a)
	root := newRoot(inv, wanted(a.Args))
	// What is wrong with a flag is said as the global flags ask for, wherever
	// these stand.
	inv.scanGlobals()
	defer func() {
		if fault := recover(); fault != nil {
			inv.talk.Error("panic", fmt.Sprintf("a fault in narada: %v\n%s", fault, debug.Stack()),
				"please report it, with the lines above: https://github.com/narada-cli/narada/issues")
			code = codeUnexpected
		}
	}()
	root.SetArgs(a.Args)
	a.Stdin = &endingReader{ctx: ctx, r: a.Stdin}
	root.SetIn(a.Stdin)
	out := &helpWriter{w: a.Stdout}
	root.SetOut(out)
	root.SetErr(a.Stderr)
	return inv.exit(ctx, errors.Join(root.ExecuteContext(ctx), out.err))
}

// helpWriter remembers that help, which cobra writes, could not be written.
type helpWriter struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (h *helpWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	if h.err == nil {
		h.err = output.WriteError(err)
	}
	return n, err
}

func (a *App) getenv(name string) string {
	value, _ := a.Lookup(name)
	return value
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
