// Package cmd is narada's command line: flags in, wiring, answer out. Each
// command has a file with three things in it: its options, its declaration, and
// the function that does it.
//
// The package is private to narada.
package cmd

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/mattn/go-colorable"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
)

// App is the program's outside: what a command has of the world, it has from
// here.
type App struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Lookup func(name string) (string, bool) // environment
	Dir    string                           // working directory
	Random io.Reader                        // cryptographic
	Build  Build

	start time.Time // of the command: time limits count from here
}

// Main runs the program and returns its exit code. A program that a signal ended
// does not return: it dies of that signal, so that a shell's loop around it
// stops.
func Main(build Build) int {
	dir, _ := os.Getwd() // a folder that is gone has no project file
	app := &App{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout,
		Stderr: colorable.NewColorableStderr(),
		Lookup: os.LookupEnv, Dir: dir, Random: rand.Reader, Build: build,
	}
	ctx, stop := catchSignals(context.Background())
	code := app.Run(ctx)
	stop()
	switch code {
	case codeSignal:
		dieOf(signalOf(ctx))
	case codePipe:
		dieOf(syscall.SIGPIPE)
	}
	return code
}

// Run runs one command and returns its exit code.
func (a *App) Run(ctx context.Context) int {
	a.start = time.Now()
	s := &session{app: a, redactor: secret.NewRedactor(a.Stderr)}
	s.talk = s.newTalk(string(term.ColorAuto))
	root := newRoot(s)
	root.SetArgs(a.Args)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	return s.exit(ctx, root.ExecuteContext(ctx))
}

func (a *App) getenv(name string) string {
	value, _ := a.Lookup(name)
	return value
}
