package batch

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/units"
)

// Delimiter is the character between the fields of a table.
type Delimiter rune

// The delimiters.
const (
	Comma     Delimiter = ','
	Semicolon Delimiter = ';'
	Tab       Delimiter = '\t'
	Pipe      Delimiter = '|'
)

var delimiters = []Delimiter{Comma, Semicolon, Tab, Pipe}

// String returns the name of a delimiter.
func (d Delimiter) String() string {
	if d == Tab {
		return "tab"
	}
	return string(d)
}

// flag returns the flag that sets a delimiter.
func (d Delimiter) flag() string {
	if d == Tab {
		return "--delimiter tab"
	}
	return fmt.Sprintf("--delimiter '%s'", d)
}

// ParseDelimiter returns the delimiter of that name, 0 for "".
func ParseDelimiter(name string) (Delimiter, error) {
	if name == "" {
		return 0, nil
	}
	for _, d := range delimiters {
		if name == d.String() {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is not one of , ; tab |", name)
}

// DelimiterError is a table of which the delimiter is not certain. Nothing was sent.
type DelimiterError struct {
	Line  int         // of the header
	Split []Delimiter // those that split the header
}

func (e *DelimiterError) Error() string {
	var names []string
	for _, d := range e.Split {
		names = append(names, d.String())
	}
	return fmt.Sprintf("line %d: cannot tell which character separates the fields: %s", e.Line, strings.Join(names, " or "))
}

// Hint says how to set it.
func (e *DelimiterError) Hint() string {
	var flags []string
	for _, d := range e.Split {
		flags = append(flags, d.flag())
	}
	return "add " + strings.Join(flags, " or ")
}

// fieldsError is a record whose number of fields is not that of the header.
type fieldsError struct {
	want, got int
	delimiter Delimiter
}

func (e *fieldsError) Error() string {
	return fmt.Sprintf("expected %s as in the header, got %d", units.Count(e.want, "field"), e.got)
}

// Hint says what may be wrong.
func (e *fieldsError) Hint() string {
	name := e.delimiter.String()
	if e.delimiter != Tab {
		name = `"` + name + `"`
	}
	return fmt.Sprintf("the fields are separated by %s: quote a field that contains it; --delimiter sets another character", name)
}

// declaration begins the line by which Excel is told the delimiter, as sep=; is.
const declaration = "sep="

// declared returns the delimiter that the first line declares, 0 if it does not.
func declared(head []byte) (Delimiter, error) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	text := strings.Trim(strings.TrimRight(string(line), "\r"), `"`)
	if len(text) < len(declaration) || !strings.EqualFold(text[:len(declaration)], declaration) {
		return 0, nil
	}
	for _, d := range delimiters {
		if text[len(declaration):] == string(d) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("line 1: %q is not sep= with one of , ; tab |", text)
}

// recognize returns the delimiter of a table by its beginning. It is the one that splits the
// header; of several, the only one by which all rows have as many fields as the header. Each
// row is a paid task: if that is not certain, it is a *DelimiterError.
func (in Input) recognize(head []byte) (Delimiter, error) {
	var split, fit []Delimiter
	line := 0
	for _, d := range delimiters {
		fields, at, fits := shape(head, d)
		if fields > 1 {
			split, line = append(split, d), at
			if fits {
				fit = append(fit, d)
			}
		}
	}
	switch {
	case len(split) == 1:
		return split[0], nil
	case len(split) == 0 && in.Format == TSV:
		return Tab, nil
	case len(split) == 0:
		return Comma, nil
	case len(fit) == 1:
		return fit[0], nil
	}
	return 0, &DelimiterError{line, split}
}

// shape returns how many fields the header has with a delimiter, its line, and whether all
// rows in the head have as many.
func shape(head []byte, d Delimiter) (fields, line int, fits bool) {
	c := csv.NewReader(bytes.NewReader(head))
	c.Comma, c.ReuseRecord, c.FieldsPerRecord = rune(d), true, -1
	for {
		record, err := c.Read()
		switch {
		case len(head) == sniffed && c.InputOffset() == sniffed, err == io.EOF: // the last record may be cut off
			return fields, line, true
		case err != nil:
			return fields, line, false
		case blank(record):
		case fields == 0:
			fields = len(record)
			line, _ = c.FieldPos(0)
		case len(record) != fields:
			return fields, line, false
		}
	}
}

// blank reports whether all fields of a record are empty.
func blank(record []string) bool {
	return !slices.ContainsFunc(record, func(field string) bool { return strings.TrimSpace(field) != "" })
}

// records reads CSV and TSV until each returns false. It stops after an error in the header
// or a record that is too long.
func (in Input) records(r io.Reader, each func(Line, []byte, error) bool) error {
	t, err := in.newTable(r)
	if err != nil {
		return err
	}
	for {
		record, number, err := t.next()
		l := Line{Number: number}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && number == 0:
			return err
		case t.row == nil:
			if err == nil {
				t.row, err = newRow(record)
			}
			if err == nil {
				continue
			}
			each(l, nil, err)
			return nil
		case err == csv.ErrFieldCount:
			err = &fieldsError{t.csv.FieldsPerRecord, len(record), Delimiter(t.csv.Comma)}
		case err == nil:
			err = l.fill(t.row, record, t.prompt)
		}
		if !each(l, []byte(l.Prompt), err) || t.over {
			return nil
		}
	}
}

// table reads a table.
type table struct {
	bounded
	csv    *csv.Reader
	row    *row // nil before the header
	prompt *Prompt
}

func (in Input) newTable(r io.Reader) (*table, error) {
	b := bufio.NewReaderSize(r, sniffed)
	head, _ := b.Peek(sniffed) // the next read has the error again
	d, err := declared(head)
	if err != nil {
		return nil, err
	}
	t := &table{bounded: bounded{r: b, left: maxLine}, prompt: cmp.Or(in.Prompt, promptColumn())}
	t.csv = csv.NewReader(&t.bounded)
	t.csv.ReuseRecord = true
	if d != 0 { // the line is no record
		if _, err := t.csv.Read(); err != nil {
			return nil, err
		}
		t.csv.FieldsPerRecord = 0
	}
	if d = cmp.Or(in.Delimiter, d); d == 0 {
		if d, err = in.recognize(head); err != nil {
			return nil, err
		}
	}
	t.csv.Comma = rune(d)
	return t, nil
}

// next returns the next record that is not blank, its line, which is 0 if reading failed, and
// the error without its position.
func (t *table) next() (record []string, line int, err error) {
	for {
		t.left = maxLine
		record, err = t.csv.Read()
		if line, err = recordLine(t.csv, err); t.over {
			return nil, max(line, 1), errRecord
		}
		if err != nil && err != csv.ErrFieldCount || !blank(record) {
			return record, line, err
		}
		if t.row == nil {
			t.csv.FieldsPerRecord = 0 // as the header has
		}
	}
}

// fill sets the line's prompt and ID from a record.
func (l *Line) fill(r *row, record []string, prompt *Prompt) (err error) {
	if err = r.fill(record); err != nil {
		return err
	}
	if l.Prompt, err = prompt.execute(r); err != nil {
		return err
	}
	if l.ID = strings.TrimSpace(r.columns["id"]); l.ID != "" {
		return checkID(l.ID)
	}
	return nil
}

// recordLine returns the line that a record begins at, 0 if reading failed, and the error
// without its position.
func recordLine(c *csv.Reader, err error) (line int, cause error) {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return parse.StartLine, cmp.Or(quoteErrors[parse.Err], parse.Err)
	}
	if err != nil {
		return 0, err
	}
	line, _ = c.FieldPos(0)
	return line, nil
}

// quoteErrors says in plain words what the reader says.
var quoteErrors = map[error]error{
	csv.ErrBareQuote: errors.New(`a quotation mark in a field that is not quoted: write "say ""hello"" twice"`),
	csv.ErrQuote:     errors.New("a quotation mark is missing, or not doubled in a quoted field"),
}

var errRecord = fmt.Errorf("a record is %w: is a quotation mark missing? The rest was not checked", errLong)

// bounded limits a record: after an unclosed quotation mark the whole rest is one field.
type bounded struct {
	r    io.Reader
	left int
	over bool
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.over = true
		return 0, io.EOF
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
