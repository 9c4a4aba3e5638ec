// Package output prints results on stdout: as text, as JSON, or through a jq
// expression.
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
	return "", fmt.Errorf("%q is not an output format: text or json", value)
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
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return p.JSON(buf.Bytes())
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
