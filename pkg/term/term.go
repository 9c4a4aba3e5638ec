// Package term is the program's way with the terminal: whether there is one, whether
// it may be coloured, and how stderr looks. Two handlers of log/slog draw what happens
// there, for people and as JSON, and a Screen draws the spinner or bar below.
//
// The package is private to narada.
package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// IsTerminal reports whether stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ColorMode is the value of --color.
type ColorMode string

// The colour modes.
const (
	ColorAuto   ColorMode = "auto"
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// Color decides whether a stream is coloured. In ColorAuto a non-empty NO_COLOR
// switches colour off, CLICOLOR_FORCE other than 0 on, TERM=dumb off; else a
// terminal has it.
func Color(mode ColorMode, getenv func(string) string, terminal bool) bool {
	switch force := getenv("CLICOLOR_FORCE"); {
	case mode == ColorAlways:
		return true
	case mode == ColorNever, getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	case getenv("TERM") == "dumb":
		return false
	}
	return terminal
}

// Visible returns text with its control characters, but for newline and tab,
// made visible: text from elsewhere must not move the cursor, change the title
// or hide what stands before it. Those below 0x20 and DEL are shown as ^X, the
// rest (C1 and characters that turn the direction of writing) as <U+XXXX>.
func Visible(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			b.WriteByte('^')
			b.WriteRune(r ^ 0x40)
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	turnsDirection := r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	return r != '\n' && r != '\t' && unicode.IsControl(r) || turnsDirection
}

// OneLine is Visible on one line: newlines and tabs become spaces.
func OneLine(text string) string {
	return Visible(strings.Join(strings.Fields(text), " "))
}

// Width returns the columns of the terminal, 80 where it does not tell.
func Width(terminal *os.File) int {
	if width, _, err := term.GetSize(int(terminal.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// ReadSecret asks for a line on the terminal and does not show what is typed.
// Ctrl-D on the empty line is io.EOF, Ctrl-C what it is elsewhere: the program
// gets the signal. However it ends, the terminal is as it was.
func ReadSecret(ctx context.Context, terminal *os.File, prompt io.Writer, text string) (_ string, err error) {
	fd := int(terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	_, _ = io.WriteString(prompt, text)
	defer func() {
		err = errors.Join(err, term.Restore(fd, before))
		_, _ = io.WriteString(prompt, "\n")
	}()
	type outcome struct {
		text string
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		text, err := term.NewTerminal(keys{terminal}, "").ReadPassword("")
		if err == term.ErrPasteIndicator {
			err = nil
		}
		done <- outcome{text, err}
	}()
	select {
	case o := <-done:
		if o.err == errInterrupt && interruptSelf() == nil {
			<-ctx.Done()
			return "", context.Cause(ctx)
		}
		return strings.TrimSpace(o.text), o.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

var errInterrupt = errors.New("interrupted")

// keys reads what is typed on a raw terminal, and shows nothing on it.
type keys struct{ terminal io.Reader }

// Read implements io.Reader. Ctrl-C, which on a raw terminal is a key like any
// other, is errInterrupt.
func (k keys) Read(p []byte) (int, error) {
	const ctrlC = 3
	n, err := k.terminal.Read(p)
	if bytes.IndexByte(p[:n], ctrlC) >= 0 {
		return 0, errInterrupt
	}
	return n, err
}

// Write implements io.Writer.
func (keys) Write(p []byte) (int, error) { return len(p), nil }

func interruptSelf() error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Signal(os.Interrupt)
}
