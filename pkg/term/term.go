// Package term is the program's way with the terminal: whether there is one,
// whether it may be coloured, what is said on stderr beside the answer, and the
// spinner that shows that something still happens.
//
// The package is private to narada.
package term

import (
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
// When ctx ends it gives the terminal back as it was.
func ReadSecret(ctx context.Context, terminal *os.File, prompt io.Writer, text string) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type outcome struct {
		text []byte
		err  error
	}
	done := make(chan outcome, 1)
	_, _ = io.WriteString(prompt, text)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- outcome{text, err}
	}()
	select {
	case o := <-done:
		_, _ = io.WriteString(prompt, "\n")
		return strings.TrimSpace(string(o.text)), o.err
	case <-ctx.Done():
		_, _ = io.WriteString(prompt, "\n")
		return "", errors.Join(context.Cause(ctx), term.Restore(fd, before))
	}
}
