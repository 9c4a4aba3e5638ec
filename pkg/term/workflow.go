package term

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The runner of GitHub Actions looks for workflow commands in all that a step prints, on
// stdout and on stderr: "::NAME PROPERTIES::DATA" at the start of a line, after white space,
// and "##[NAME PROPERTIES]DATA" anywhere in it (ActionCommand.cs of actions/runner).

// annotation returns the workflow command that shows the text with the step. The kind is
// error or warning.
func annotation(kind, text string) string {
	return "::" + kind + " title=narada::" + strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text) + "\n"
}

// isAnnotation reports whether a workflow command has the name.
func isAnnotation(name string) bool { return slices.Contains([]string{"error", "warning"}, name) }

// commandStart is where a workflow command starts: what the runner takes for white space, and
// what some comparisons of text skip, may precede it.
var commandStart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^|[\r\n])[\pZ\pC]*::|##\[`) })

// inert returns the text with a backslash before the name of what would be a workflow command,
// as the runner itself writes it. A text of several lines may begin in the middle of one.
func inert(text string) string { return commandStart().ReplaceAllString(text, `$0\`) }

// inertJSON returns a writer of JSON whose strings have no workflow command for the runner,
// and are still the same strings. No line of JSON starts with one.
func inertJSON(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if _, err := w.Write(bytes.ReplaceAll(p, []byte("##["), []byte(`##\u005b`))); err != nil {
			return 0, err
		}
		return len(p), nil
	})
}
