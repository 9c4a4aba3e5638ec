// Package term detects a terminal and its colours, and draws stderr: two log/slog handlers
// write records, for people and as JSON, and a Screen draws a spinner or bar below them.
//
// The package is private to narada.
package term

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/term"

	"github.com/narada-cli/narada/pkg/signals"
)

// IsTerminal reports whether stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// IsPipe reports whether stream is a pipe, whose reader may write to the same terminal.
func IsPipe(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0
}

// ColorMode is the value of --color.
type ColorMode string

// The colour modes.
const (
	ColorAuto   ColorMode = "auto"
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// Color reports whether a stream is coloured. In ColorAuto a non-empty NO_COLOR turns colour
// off, CLICOLOR_FORCE or FORCE_COLOR other than 0 and false on, TERM=dumb or such a
// FORCE_COLOR off; otherwise a terminal is coloured.
func Color(mode ColorMode, getenv func(string) string, terminal bool) bool {
	switch force := getenv("FORCE_COLOR"); {
	case mode == ColorAlways:
		return true
	case mode == ColorNever, getenv("NO_COLOR") != "":
		return false
	case On(getenv("CLICOLOR_FORCE")), On(force):
		return true
	case getenv("TERM") == "dumb", force != "":
		return false
	}
	return terminal
}

// On reports whether the value of an environment variable such as CI turns something on.
func On(value string) bool { return !slices.Contains([]string{"", "0", "false"}, value) }

// Visible returns text with visible control characters, except newline and tab: text from
// elsewhere must not move the cursor, change the title, reorder or hide other text. Those
// below 0x20 and DEL become ^X, the rest (C1, and the format characters of Unicode)
// <U+XXXX>. What is not UTF-8, and may be C1 to a terminal, becomes U+FFFD.
func Visible(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
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
	if ' ' <= r && r <= '~' { // most are
		return false
	}
	switch r {
	case '\n', '\t', '\u00ad', '\u200c', '\u200d': // soft hyphen, and what words and emoji need
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// OneLine is Visible on one line: newlines and tabs become spaces.
func OneLine(text string) string {
	return Visible(strings.Join(strings.Fields(text), " "))
}

// Cut shortens the text to that many columns of a terminal, between characters.
func Cut(text string, width int) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(text); g.Next() && used+g.Width() < width; {
		b.WriteString(g.Str())
		used += g.Width()
	}
	if width > 0 {
		b.WriteString("…")
	}
	return b.String()
}

// Wrap breaks text into lines of that many columns: at spaces, after wide characters where their
// script allows it, or else between characters.
func Wrap(text string, width int) (lines []string) {
	start, end, used, state := 0, 0, 0, -1 // of the line; end is the last place where it may end
	for i := 0; i < len(text); {
		var char string
		var boundaries int
		char, _, boundaries, state = uniseg.StepString(text[i:], state)
		columns := boundaries >> uniseg.ShiftWidth
		for used > 0 && used+columns > width && char != " " {
			if end <= start {
				end = i
			}
			lines = append(lines, strings.TrimRight(text[start:end], " "))
			start, used = end, uniseg.StringWidth(text[end:i])
		}
		used += columns
		if i += len(char); char == " " || columns > 1 && boundaries&uniseg.MaskLine != uniseg.LineDontBreak {
			end = i
		}
	}
	return append(lines, strings.TrimRight(text[start:], " "))
}

// Width returns the columns of the terminal, 80 if unknown.
func Width(terminal *os.File) int {
	if width, _, err := term.GetSize(int(terminal.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// ReadSecret prompts for a line on the terminal without echo. Ctrl-D on an empty line is
// io.EOF; Ctrl-C sends the program an interrupt as usual. It always restores the terminal.
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
	line, err := term.NewTerminal(keys{&signals.Reader{Context: ctx, Source: terminal}}, "").ReadPassword("")
	switch {
	case err == term.ErrPasteIndicator:
		err = nil
	case err == errInterrupt && signals.Interrupt() == nil:
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	return strings.TrimSpace(line), err
}

// Ask asks a question and reports whether the answer is yes. The end of the input is no. It
// returns the cause of ctx as soon as that ends.
func Ask(ctx context.Context, in io.Reader, out io.Writer, question string) (bool, error) {
	answer, err := AskLine(ctx, in, out, question+" [y/N] ")
	return err == nil && slices.Contains([]string{"y", "yes"}, strings.ToLower(answer)), err
}

// AskLine asks for a line, and returns it without white space around it. The end of the input is
// an empty line. It returns the cause of ctx as soon as that ends.
func AskLine(ctx context.Context, in io.Reader, out io.Writer, question string) (string, error) {
	if _, err := io.WriteString(out, question); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(&signals.Reader{Context: ctx, Source: in}).ReadString('\n')
	if err != nil {
		_, _ = io.WriteString(out, "\n")
	}
	if err == io.EOF {
		err = nil
	}
	return strings.TrimSpace(answer), err
}

var errInterrupt = errors.New("interrupted")

// keys reads from a raw terminal and writes nothing to it.
type keys struct{ terminal io.Reader }

// Read implements io.Reader. Ctrl-C, an ordinary key on a raw terminal, is errInterrupt.
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
