package term

import (
	"io"
	"strings"

	"github.com/fatih/color"
)

// Writer writes text to a stream. On a terminal it makes control characters visible, in the
// log of a workflow it gives no commands. What is not text, a colour, is the attribute of a
// Span: no text contains it.
type Writer struct {
	W        io.Writer
	Terminal bool
	Color    bool
	Workflow bool // W is the log of a step on GitHub Actions; each Write is of whole lines
}

// Span is text in a colour; the attribute 0 is none.
type Span struct {
	Text  string
	Color color.Attribute
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if !w.Terminal && !w.Workflow {
		return w.W.Write(p)
	}
	if n, err := io.WriteString(w.W, w.safe(string(p))); err != nil {
		return min(n, len(p)), err
	}
	return len(p), nil
}

// Print writes the spans with one Write.
func (w *Writer) Print(spans ...Span) error {
	_, err := io.WriteString(w.W, w.rendered(spans...))
	return err
}

func (w *Writer) rendered(spans ...Span) string {
	var b strings.Builder
	for _, s := range spans {
		s.Text = w.safe(s.Text)
		if w.Color && s.Color != 0 {
			c := color.New(s.Color)
			c.EnableColor()
			s.Text = c.Sprint(s.Text)
		}
		b.WriteString(s.Text)
	}
	return b.String()
}

// safe returns text that controls nothing that reads the stream.
func (w *Writer) safe(text string) string {
	if w.Terminal {
		text = Visible(text)
	}
	if w.Workflow {
		text = inert(text)
	}
	return text
}

// annotate writes a workflow command that shows the text with the step.
func (w *Writer) annotate(kind, text string) error {
	_, err := io.WriteString(w.W, annotation(kind, Visible(text)))
	return err
}

// through returns a writer like w, whose rendered text f writes to the stream.
func (w *Writer) through(f func(stream io.Writer, p []byte) (int, error)) *Writer {
	other := *w
	other.W = writerFunc(func(p []byte) (int, error) { return f(w.W, p) })
	return &other
}

// writerFunc is a function that is an io.Writer.
type writerFunc func([]byte) (int, error)

// Write implements io.Writer.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
