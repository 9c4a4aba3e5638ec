// Package cmd is narada's command line. Each command has a file with its options, its
// declaration, and the function that runs it.
//
// The package is private to narada.
package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mattn/go-colorable"

	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/term"
)

// App is the outside world: the streams, the terminal, the environment, the clock,
// signals and random numbers.
type App struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	StdinTerminal, StdoutTerminal, StderrTerminal bool

	StdoutPipe bool // its reader may write to the terminal that stderr is

	Lookup  func(name string) (string, bool) // environment
	Environ func() []string
	Dir     string           // working directory
	Machine string           // this machine's name, "" if unknown
	Now     func() time.Time // nil: the machine's clock
	Random  io.Reader        // cryptographic
	Build   Build

	Loggers func(*slog.Logger) // sets the logger of libraries; nil: they keep theirs

	start     time.Time // of the command; time limits count from here
	interrupt signals.Soft
	screen    atomic.Pointer[term.Screen]
	streams   *signals.Streams // Stdin, Stdout and Stderr; a signal and the time limit end them
}

// Main runs the program and returns its exit code. After a signal it does not return:
// the program dies of that signal, so that a shell's loop around it stops.
func Main(build Build) int {
	signals.AbortOnCrash()
	collectRarely(os.Getenv)
	defer colorable.EnableColorsStdout(nil)() // for what is coloured there, on a console of Windows
	dir, _ := os.Getwd()                      // a removed folder has no project file
	machine, _ := os.Hostname()
	app := &App{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout,
		Stderr:         colorable.NewColorableStderr(),
		StdinTerminal:  term.IsTerminal(os.Stdin),
		StdoutTerminal: term.IsTerminal(os.Stdout),
		StderrTerminal: term.IsTerminal(os.Stderr),
		StdoutPipe:     term.IsPipe(os.Stdout),
		Lookup:         os.LookupEnv, Environ: os.Environ, Dir: dir, Machine: machine, Random: rand.Reader, Build: build,
		Loggers: slog.SetDefault, // of package log, too
	}
	ctx, stop := context.Background(), func() {}
	if commandsFor(app.Args) != nil { // else the program ends before a signal could arrive
		ctx, stop = signals.Catch(ctx, &app.interrupt, app.leave)
	}
	code := app.Run(ctx)
	switch code {
	case codeSignal:
		stop()
		s := signals.Of(ctx)
		if s == nil { // it was a soft interrupt
			s = os.Interrupt
		}
		signals.Die(s)
	case codePipe:
		stop()
		signals.Die(syscall.SIGPIPE)
	}
	return code // without stop: the process ends here, and that is faster
}

// collectRarely makes the garbage collector run rarely, since most memory is short-lived, but
// more often near a limit. Its own variables count more.
func collectRarely(getenv func(string) string) {
	const percent, limit = 300, 180 << 20 // bytes
	if getenv("GOGC") == "" && getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// leave clears what moves on the terminal.
func (a *App) leave() {
	if s := a.screen.Load(); s != nil {
		s.Leave()
	}
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

// stdoutWidth returns the columns of the terminal that stdout is.
func (a *App) stdoutWidth() int { return term.Width(os.Stdout) }

// stderrWidth returns the columns of the terminal that stderr is.
func (a *App) stderrWidth() int { return term.Width(os.Stderr) }

// readSecret reads a line from the terminal that stdin is, without echo. It prompts on w.
func (a *App) readSecret(ctx context.Context, w io.Writer, prompt string) (string, error) {
	text, err := term.ReadSecret(ctx, os.Stdin, w, prompt)
	if errors.Is(err, io.EOF) || err == nil && text == "" {
		err = errors.New("nothing was typed")
	}
	return text, err
}
