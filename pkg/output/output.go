// Package output writes results to stdout as text, as JSON or through a jq expression. It
// also formats tables and the words of a shell command.
//
// The package is private to narada.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/textfile"
)

// Format is the value of -o.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
)

// Masker removes secrets from what is printed. *secret.Masker implements it.
type Masker interface {
	MaskJSON(doc []byte) []byte
	MaskAnswer(text string) string
}

// Printer prints to a stream. A JSON document is one compact line, on a terminal it is
// indented unless Compact is set.
type Printer struct {
	AsJSON  bool   // Print prints documents
	Compact bool   // a document is one line on a terminal, too
	Masker  Masker // nil: nothing is masked

	w        *term.Writer
	terminal bool
	query    *Query
}

// NewPrinter returns a Printer that writes to w, which may be a *term.Writer. A query that is
// not nil is applied to each document.
func NewPrinter(w io.Writer, terminal bool, query *Query) *Printer {
	to, ok := w.(*term.Writer)
	if !ok {
		to = &term.Writer{W: w, Terminal: terminal || term.IsTerminal(w)} // it may be a file such as /dev/tty
	}
	return &Printer{w: to, terminal: terminal, query: query}
}

// Text prints text, with a newline at the end.
func (p *Printer) Text(text string) error { return p.Led(term.Span{}, text) }

// Led is Text after a lead, which may be coloured.
func (p *Printer) Led(lead term.Span, text string) error {
	lead.Text, text = p.Masked(lead.Text), p.Masked(text)
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return p.write(lead, term.Span{Text: text})
}

// Masked returns text with its secrets masked.
func (p *Printer) Masked(text string) string {
	if p.Masker == nil {
		return text
	}
	return p.Masker.MaskAnswer(text)
}

// JSON prints a JSON document. Apart from secrets, only its white space changes. A query may
// put a secret together, so what it returns is masked too.
func (p *Printer) JSON(doc json.RawMessage) error {
	if p.query != nil {
		if p.Masker != nil {
			doc = p.Masker.MaskJSON(doc)
		}
		return p.query.each(doc, func(value []byte, raw bool) error {
			if raw {
				return p.Text(string(value))
			}
			return p.document(value)
		})
	}
	return p.document(doc)
}

// Value prints v as JSON.
func (p *Printer) Value(v any) error {
	doc, err := narada.EncodeJSON(v)
	if err != nil {
		return err
	}
	return p.JSON(doc)
}

func (p *Printer) document(doc []byte) error {
	if p.Masker != nil {
		doc = p.Masker.MaskJSON(doc)
	}
	var buf bytes.Buffer
	var err error
	if p.terminal && !p.Compact {
		err = json.Indent(&buf, bytes.TrimSpace(doc), "", "  ")
	} else {
		err = json.Compact(&buf, doc)
	}
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return p.write(term.Span{Text: buf.String() + "\n"})
}

// write writes a document with one Write, so that a reader sees whole lines.
func (p *Printer) write(spans ...term.Span) error { return writeError(p.w.Print(spans...)) }

// Writer writes to stdout for a library and remembers the first error.
type Writer struct {
	w   io.Writer
	err error
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if w.err == nil {
		w.err = writeError(err)
	}
	return n, err
}

// Err returns the first error of a Write.
func (w *Writer) Err() error { return w.err }

// writeError returns the error of a write to stdout as a *WritingError, nil for nil.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	return &WritingError{textfile.Cause(err)}
}

// WritingError is a failed write to stdout.
type WritingError struct{ Err error }

func (e *WritingError) Error() string { return "writing to stdout: " + e.Err.Error() }

// Unwrap returns the stream's own error.
func (e *WritingError) Unwrap() error { return e.Err }

// Wrap wraps text after a head to lines of width bytes where its words allow. It indents
// the later lines by the length of the head.
func Wrap(head, text string, width int) string {
	lines, line := "", head
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case len(line)+1+len(word) > width:
			lines, line = lines+line+"\n", strings.Repeat(" ", len(head))+word
		default:
			line += " " + word
		}
	}
	return lines + line
}
