//go:build linux

// Sharing measures narada with a ledger in PostgreSQL. It starts servers from the programs of
// this machine, with their default settings, and compares programs in turn.
//
//	sharing [-quick] FOLDER [SCENARIO...]
//
// FOLDER has the programs narada and storing. The exit code is 1 if a limit is missed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

// scenario is what is measured with a server.
type scenario struct {
	name     string
	settings []string // of the server
	run      func(context.Context, *world) error
}

var scenarios = []scenario{
	{"receive", nil, receive},
	{"work", nil, work},
	{"wait", []string{fmt.Sprintf("max_connections = %d", maxConnections)}, wait},
	{"latency", nil, latency},
	{"memory", nil, memory},
	{"history", nil, history},
}

// errMissed says that a limit was missed.
var errMissed = errors.New("a limit was missed")

func main() {
	quick := flag.Bool("quick", false, "measure with small numbers")
	flag.Parse()
	if err := check(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sharing:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := measure(ctx, *quick, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sharing:", err)
		os.Exit(1)
	}
}

func check(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: sharing [-quick] FOLDER [SCENARIO...]")
	}
	for _, name := range args[1:] {
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == name }) {
			return fmt.Errorf("there is no scenario %q", name)
		}
	}
	return nil
}

func measure(ctx context.Context, quick bool, args []string) error {
	var missed error
	for _, s := range scenarios {
		if len(args) > 1 && !slices.Contains(args[1:], s.name) {
			continue
		}
		fmt.Println("==", s.name)
		err := inWorld(ctx, &world{programs: args[0], quick: quick}, s.settings, s.run)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && !errors.Is(err, errMissed) {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		missed = errors.Join(missed, err)
	}
	return missed
}

// world has a server, and a folder for all that a scenario writes.
type world struct {
	programs string // the folder
	quick    bool

	server *postgrestest.Server
	dir    string
	url    string // of a database, as a role without special rights
	cloud  string
}

func inWorld(ctx context.Context, w *world, settings []string, run func(context.Context, *world) error) (err error) {
	if w.dir, err = os.MkdirTemp("", "narada-sharing-"); err != nil {
		return err
	}
	defer os.RemoveAll(w.dir)
	if w.server, err = postgrestest.New(ctx, settings...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.server.Close()) }()
	for _, statement := range []string{"CREATE ROLE narada LOGIN", "CREATE DATABASE narada OWNER narada"} {
		if err := w.server.Exec(ctx, "postgres", statement); err != nil {
			return err
		}
	}
	u, err := url.Parse(w.server.URL("narada"))
	if err != nil {
		return err
	}
	u.User = url.User("narada")
	w.url = u.String()
	return run(ctx, w)
}

// size returns the number for a quick measurement, or for a real one.
func (w *world) size(quick, full int) int {
	if w.quick {
		return quick
	}
	return full
}

// within prints what was measured with its limit, and returns errMissed if it is not kept.
func within(kept bool, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if !kept {
		fmt.Println(text + " (MISSED)")
		return errMissed
	}
	fmt.Println(text)
	return nil
}

// command returns a narada command whose ledger is the store, a URL or a folder.
func (w *world) command(ctx context.Context, store string, args ...string) *exec.Cmd {
	c := w.program(ctx, "narada", args...)
	c.Dir = w.dir
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "XDG_CONFIG_HOME=" + w.dir, "TZ=UTC", "NARADA_STATE_DIR=" + filepath.Join(w.dir, "state"),
		"NARADA_API_BASE_URL=" + w.cloud, "NARADA_API_KEY=any", "NARADA_BROWSER_WINDOW_ID=window_1",
	}
	if strings.Contains(store, "://") {
		c.Env = append(c.Env, "NARADA_STORE="+store)
	} else {
		c.Env = append(c.Env, "NARADA_STATE_DIR="+store)
	}
	return c
}

// program returns a command with one of the programs.
func (w *world) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, filepath.Join(w.programs, name), args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	return c
}

// output runs the command and returns its stdout. The error has its stderr.
func output(c *exec.Cmd) (string, error) {
	stdout, err := c.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, strings.TrimSpace(string(failed.Stderr)))
	}
	return string(stdout), err
}

// process is a running command.
type process struct{ *exec.Cmd }

// end interrupts the process and waits for its end.
func (p process) end() {
	_ = p.Process.Signal(syscall.SIGTERM)
	_ = p.Wait()
}

func median[T float64 | time.Duration](list []T) T { return percentile(list, 50) }

func percentile[T float64 | time.Duration](list []T, p int) T {
	list = slices.Sorted(slices.Values(list))
	return list[min(len(list)*p/100, len(list)-1)]
}
