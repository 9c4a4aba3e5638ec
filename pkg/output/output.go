// Package output writes what others read: results on stdout as text, as JSON or
// through a jq expression, JSON documents, and words of a shell's command line.
//
// The package is private to narada.
package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/narada-cli/narada/pkg/term"
)

// Format is the value of -o.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
)

// ParseFormat reads the value of -o.
func ParseFormat(value string) (Format, error) {
	switch f := Format(value); f {
	case Text, JSON:
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q: expected text or json", value)
}

// Printer prints on one stream. A document is one compact line, and indented
// only on a terminal.
type Printer struct {
	w        io.Writer
	terminal bool
	query    *Query
}

// NewPrinter returns a Printer that writes to w, each document through query if
// there is one.
func NewPrinter(w io.Writer, terminal bool, query *Query) *Printer {
	return &Printer{w: w, terminal: terminal, query: query}
}

// Text prints text and, where it does not end with one, a newline. On a
// terminal its control characters are made visible.
func (p *Printer) Text(text string) error { return p.Led("", text) }

// Led is Text behind a lead, which goes out as it is: it may be coloured.
func (p *Printer) Led(lead, text string) error {
	if p.terminal {
		text = term.Visible(text)
	}
	text = lead + text
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return p.write([]byte(text))
}

// JSON prints the JSON text doc: what it holds is not changed, white space
// apart.
func (p *Printer) JSON(doc json.RawMessage) error {
	if p.query != nil {
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
	doc, err := EncodeJSON(v)
	if err != nil {
		return err
	}
	return p.JSON(doc)
}

func (p *Printer) document(doc []byte) error {
	var buf bytes.Buffer
	var err error
	if p.terminal {
		err = json.Indent(&buf, bytes.TrimSpace(doc), "", "  ")
	} else {
		err = json.Compact(&buf, doc)
	}
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	text := buf.Bytes()
	if p.terminal { // C1 controls may stand in a JSON string as they are
		text = []byte(term.Visible(string(text)))
	}
	return p.write(append(text, '\n'))
}

// write is one Write a document, so that a reader never sees half a line
// between two of them.
func (p *Printer) write(b []byte) error {
	_, err := p.w.Write(b)
	return WriteError(err)
}

// Writer writes to stdout for a library, and remembers that it did not work.
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
		w.err = WriteError(err)
	}
	return n, err
}

// Err returns the first error of a Write.
func (w *Writer) Err() error { return w.err }

// WriteError words an error of writing to stdout; nil is none.
func WriteError(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err // which stream it is, is said here
	}
	if err != nil {
		return &WritingError{err}
	}
	return nil
}

// WritingError says that a stream did not take what was written.
type WritingError struct{ Err error }

func (e *WritingError) Error() string { return "writing to stdout: " + e.Err.Error() }

// Unwrap returns the stream's own error.
func (e *WritingError) Unwrap() error { return e.Err }

// Wrap puts text behind a head, on lines of no more than width bytes where its words
// allow, the later ones as far in as the head is long.
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
