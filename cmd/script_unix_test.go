//go:build unix

package cmd

import (
	"io"
	"reflect"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/term"
)

func init() {
	unixCommands["terminal"], unixCommands["types"], unixCommands["group"] = scriptTerminal, scriptTypes, scriptGroup
}

func scriptTerminal(ts *testscript.TestScript, neg bool, args []string) {
	onTerminal(ts, wantCode(ts, neg, args, 2), "", args[1:])
}

func scriptTypes(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	keys, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	onTerminal(ts, wantCode(ts, neg, args[1:], 2), keys, args[2:])
}

// onTerminal runs the command on a terminal, types the keys at its prompt, and checks that
// the terminal is restored.
func onTerminal(ts *testscript.TestScript, want int, keys string, args []string) {
	c := programOf(ts, args)
	c.Env = append(c.Env, "TERM=xterm")
	tty, slave, err := pty.Open()
	ts.Check(err)
	defer tty.Close()
	defer slave.Close()
	ts.Check(pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 80}))
	before, err := term.GetState(int(slave.Fd()))
	ts.Check(err)
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(c.Start())
	asked := make(chan struct{})
	screen := &watched{re: regexp.MustCompile(`(:|\[y/N\]) $`), found: asked}
	shown := make(chan struct{})
	go func() {
		_, _ = io.Copy(screen, tty) // ends with EIO when the other side is closed
		close(shown)
	}()
	if keys != "" {
		select {
		case <-asked:
		case <-time.After(60 * time.Second):
			ts.Fatalf("nothing was asked for")
		}
		_, err := tty.WriteString(keys)
		ts.Check(err)
	}
	err = c.Wait()
	after, stateErr := term.GetState(int(slave.Fd()))
	ts.Check(stateErr)
	ts.Check(slave.Close())
	<-shown
	if !reflect.DeepEqual(before, after) {
		ts.Fatalf("the terminal is not as it was")
	}
	if got := code(err); got != want {
		ts.Fatalf("exit code %d, want %d; the terminal shows\n%s", got, want, screen.text.String())
	}
	_, err = ts.Stdout().Write(screen.text.Bytes())
	ts.Check(err)
}

func scriptGroup(ts *testscript.TestScript, neg bool, args []string) {
	want := wantCode(ts, neg, args, 3)
	c := programOf(ts, args[2:])
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	interrupted(ts, want, args[1], c, func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGINT) })
}
