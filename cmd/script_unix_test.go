//go:build unix

package cmd

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/rivo/uniseg"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/term"
)

func init() {
	unixCommands["terminal"], unixCommands["types"], unixCommands["group"], unixCommands["presses"] = scriptTerminal, scriptTypes, scriptGroup, scriptPresses
}

func scriptTerminal(ts *testscript.TestScript, neg bool, args []string) {
	onTerminal(ts, wantCode(ts, neg, args, 2), spinning, "", args[1:])
}

func scriptTypes(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	keys, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	onTerminal(ts, wantCode(ts, neg, args[1:], 2), `(:|\[y/N\]) $`, keys, args[2:])
}

func scriptPresses(ts *testscript.TestScript, neg bool, args []string) {
	onTerminal(ts, wantCode(ts, neg, args, 2), spinning, "\x03", args[1:])
}

// spinning matches a status line.
const spinning = `[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏](?:\x1b\[0m)?( [^\r\n\x1b]*)`

// columnsOf returns the width of the terminal, and that to which it is resized.
func columnsOf(ts *testscript.TestScript) (columns []uint16) {
	for text := range strings.SplitSeq(cmp.Or(ts.Getenv("COLUMNS"), "80"), ",") {
		n, err := strconv.ParseUint(text, 10, 16)
		ts.Check(err)
		columns = append(columns, uint16(n))
	}
	return columns
}

// spinnerFits checks that no status line is wider than the terminal, the last one not after
// it was resized, and that none remains.
func spinnerFits(text string, columns []uint16) error {
	lines := regexp.MustCompile(spinning).FindAllStringSubmatchIndex(text, -1)
	for i, m := range lines {
		line, width := text[m[2]:m[3]], columns[0]
		if i == len(lines)-1 {
			width = columns[len(columns)-1]
			if !strings.HasPrefix(strings.TrimPrefix(text[m[1]:], "^C"), "\r\x1b[K") {
				return fmt.Errorf("a status line remains: %q", text[m[0]:])
			}
		}
		if n := uniseg.StringWidth(line) + 1; n >= int(width) {
			return fmt.Errorf("%d columns of %d: %q", n, width, line)
		}
	}
	return nil
}

// onTerminal runs the command on a terminal. Once that shows what is awaited, it types the
// keys and resizes the terminal. It checks that the terminal is restored.
func onTerminal(ts *testscript.TestScript, want int, awaited, keys string, args []string) {
	c := programOf(ts, args)
	c.Env = append(c.Env, "TERM=xterm")
	tty, slave, err := pty.Open()
	ts.Check(err)
	defer tty.Close()
	defer slave.Close()
	columns := columnsOf(ts)
	ts.Check(pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns[0]}))
	before, err := term.GetState(int(slave.Fd()))
	ts.Check(err)
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(c.Start())
	asked := make(chan struct{})
	screen := &watched{re: regexp.MustCompile(awaited), found: asked}
	shown := make(chan struct{})
	go func() {
		_, _ = io.Copy(screen, tty) // ends with EIO when the other side is closed
		close(shown)
	}()
	if keys != "" || len(columns) > 1 {
		select {
		case <-asked:
		case <-time.After(60 * time.Second):
			ts.Fatalf("the terminal does not show %s", awaited)
		}
		ts.Check(pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns[len(columns)-1]}))
		shown := 0
		for i, some := range strings.Split(keys, "|") {
			if i > 0 {
				ts.Check(screen.shows(shown))
			}
			shown = screen.size()
			_, err := tty.WriteString(some)
			ts.Check(err)
		}
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
	ts.Check(spinnerFits(screen.text.String(), columns))
	_, err = ts.Stdout().Write(screen.text.Bytes())
	ts.Check(err)
}

func scriptGroup(ts *testscript.TestScript, neg bool, args []string) {
	want := wantCode(ts, neg, args, 3)
	c := programOf(ts, args[2:])
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	interrupted(ts, want, args[1], c, func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGINT) })
}
