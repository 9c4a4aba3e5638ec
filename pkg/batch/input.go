package batch

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/narada-cli/narada/pkg/yamljson"
)

// Format is how an input is written.
type Format string

// The formats.
const (
	Text  Format = "text"  // a prompt a line
	JSONL Format = "jsonl" // a JSON string, which is a prompt, or a task's object, a line
	CSV   Format = "csv"   // RFC 4180, with a header
	TSV   Format = "tsv"   // the same with tabs
)

// Formats are all of them.
func Formats() []Format { return []Format{Text, JSONL, CSV, TSV} }

// FormatOf is the format that a file's name tells.
func FormatOf(name string) Format {
	lower := strings.ToLower(name)
	for suffix, format := range map[string]Format{".jsonl": JSONL, ".ndjson": JSONL, ".csv": CSV, ".tsv": TSV} {
		if strings.HasSuffix(lower, suffix) {
			return format
		}
	}
	return Text
}

// The limits of an input.
const (
	mostLine = 4 << 20 // bytes of a line or record
	mostID   = 200     // bytes of an ID
)

// Key is by which a line is known from run to run: the sum of its ID, or else of
// what is in it and how manieth of its kind it is.
type Key [16]byte

// Line is one task of an input.
type Line struct {
	Number int    // of the line that it begins at, from 1
	Index  int    // among the tasks, from 0
	ID     string // its own, "" when it has none
	Key    Key
	Sum    Key                        // of what is in it, if it has an ID
	Prompt string                     // the prompt, unless there are
	Object map[string]json.RawMessage // a task's fields
}

// Name is what a person calls the line. One that is no longer in the input has the
// number 0.
func (l Line) Name() string {
	name := fmt.Sprintf("line %d", l.Number)
	if l.Number == 0 {
		name = "a former line"
	}
	if l.ID != "" {
		name += " (" + l.ID + ")"
	}
	return name
}

// LineError is what is wrong with a line.
type LineError struct {
	Number int
	Err    error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Number, e.Err) }

// Unwrap returns what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

// Input is a text that tasks are made of.
type Input struct {
	Format Format
	Prompt *Prompt // what a prompt is made of, for CSV and TSV; nil: the column prompt
}

// Lines yields the tasks of the text. An error that is a *LineError is about one
// line, and those after it follow; another is the last. Blank lines are none.
func (in Input) Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		c := &counter{ids: map[Key]int{}, contents: map[Key]int{}}
		each := func(l Line, content []byte, err error) bool {
			if err == nil {
				err = c.count(&l, content)
			}
			if err != nil {
				return yield(Line{}, &LineError{l.Number, err})
			}
			return yield(l, nil)
		}
		var err error
		switch b := bufio.NewReaderSize(&withoutBOM{r: r}, 64<<10); in.Format {
		case CSV, TSV:
			err = in.records(b, each)
		default:
			err = in.lines(b, each)
		}
		if err != nil && err != errStopped {
			yield(Line{}, err)
		}
	}
}

var errStopped = errors.New("no more lines are wanted")

// counter gives lines their places and keys.
type counter struct {
	index    int
	ids      map[Key]int // line of each ID
	contents map[Key]int // how many lines have it
}

func (c *counter) count(l *Line, content []byte) error {
	if l.ID != "" {
		l.Key, l.Sum = sum("id", []byte(l.ID)), sum("content", content)
		if first := c.ids[l.Key]; first != 0 {
			return fmt.Errorf("the id %q is that of line %d too", l.ID, first)
		}
		c.ids[l.Key] = l.Number
	} else {
		l.Key = sum("content", content)
		c.contents[l.Key]++
		if n := c.contents[l.Key]; n > 1 {
			l.Key = sum(fmt.Sprint(n), l.Key[:])
		}
	}
	l.Index = c.index
	c.index++
	return nil
}

// sum is of the content, among those of a kind.
func sum(kind string, content []byte) Key {
	h := sha256.New()
	h.Write([]byte(kind + "\x00"))
	h.Write(content)
	return Key(h.Sum(nil)[:len(Key{})])
}

// lines reads text and JSONL.
func (in Input) lines(r *bufio.Reader, each func(Line, []byte, error) bool) error {
	for number := 1; ; number++ {
		text, err := readLine(r)
		if err == io.EOF {
			return nil
		}
		if err != nil && err != errLong {
			return err
		}
		if err == nil && len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		l, content := Line{Number: number, Prompt: string(text)}, text
		if err == nil && in.Format == JSONL {
			content, err = l.parse(text)
		}
		if !each(l, content, err) {
			return errStopped
		}
	}
}

var errLong = fmt.Errorf("longer than %d MiB", mostLine>>20)

// readLine reads a line without its end; one that is too long is read over.
func readLine(r *bufio.Reader) (line []byte, err error) {
	var long bool
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > mostLine {
			long, line = true, nil
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && (len(line) > 0 || long):
		case err != nil:
			return nil, err
		}
		if long {
			return nil, errLong
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
	}
}

// parse reads a line of JSONL and returns what it is known by.
func (l *Line) parse(text []byte) (content []byte, err error) {
	l.Prompt = ""
	text = bytes.TrimSpace(text)
	if err := checkText(text); err != nil {
		return nil, err
	}
	switch text[0] {
	case '"':
		err := json.Unmarshal(text, &l.Prompt)
		return []byte(l.Prompt), err
	case '{':
	default:
		return nil, errors.New("neither a JSON string nor an object")
	}
	if err := json.Unmarshal(text, &l.Object); err != nil {
		return nil, err
	}
	if name, _, twice := yamljson.Repeated(text); twice {
		return nil, fmt.Errorf("%q stands there twice", name)
	}
	if id, ok := l.Object["id"]; ok {
		if l.ID, err = parseID(id); err != nil {
			return nil, err
		}
		delete(l.Object, "id")
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, text)
	return compact.Bytes(), err
}

// checkText finds what encoding/json would take and change: text that is not UTF-8,
// and half of a pair of surrogates in escapes.
func checkText(doc []byte) error {
	if !utf8.Valid(doc) {
		return errors.New("not UTF-8 text")
	}
	for at := 0; at < len(doc); at++ {
		if doc[at] != '\\' {
			continue
		}
		unit, ok := escapedUnit(doc[at:])
		if at++; !ok || !utf16.IsSurrogate(unit) {
			continue // past the escaped character
		}
		second, _ := escapedUnit(doc[min(at+5, len(doc)):])
		if utf16.DecodeRune(unit, second) == utf8.RuneError {
			return fmt.Errorf("\\u%04x is half of a character", unit)
		}
		at += 10
	}
	return nil
}

// escapedUnit reads an escape \uXXXX at the beginning of the text.
func escapedUnit(text []byte) (unit rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

// parseID reads an id: a text or a number.
func parseID(doc json.RawMessage) (id string, err error) {
	switch c := doc[0]; {
	case c == '"':
		err = json.Unmarshal(doc, &id)
	case c == '-' || c >= '0' && c <= '9':
		id = string(doc)
	default:
		return "", errors.New("id: neither a text nor a number")
	}
	if err == nil {
		err = checkID(id)
	}
	return id, err
}

func checkID(id string) error {
	if id == "" || len(id) > mostID {
		return fmt.Errorf("id: it has %d bytes, and may have 1 to %d", len(id), mostID)
	}
	return nil
}

// records reads CSV and TSV.
func (in Input) records(r *bufio.Reader, each func(Line, []byte, error) bool) error {
	b := &bounded{r: r, left: mostLine}
	c := csv.NewReader(b)
	c.ReuseRecord = true
	if in.Format == TSV {
		c.Comma = '\t'
	}
	header, err := c.Read()
	switch {
	case b.over:
		return &LineError{1, errRecord}
	case err == io.EOF:
		return nil
	case err != nil:
		return headerError(err)
	}
	row, err := newRow(header)
	if err != nil {
		return &LineError{1, err}
	}
	prompt := in.Prompt
	if prompt == nil {
		prompt = promptColumn
	}
	for {
		b.left = mostLine
		record, err := c.Read()
		if err == io.EOF && !b.over {
			return nil
		}
		if b.over {
			b.left = 0 // and the rest is not read
			l := Line{}
			if parse, ok := errors.AsType[*csv.ParseError](err); ok {
				l.Number = parse.StartLine
			} else {
				l.Number, _ = c.FieldPos(0)
			}
			each(l, nil, errRecord)
			return nil
		}
		l := Line{}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			l.Number, err = parse.StartLine, parse.Err
			if errors.Is(err, csv.ErrFieldCount) {
				err = fmt.Errorf("%d fields, and the header has %d", len(record), len(header))
			}
		} else if err != nil {
			return err
		} else {
			l.Number, _ = c.FieldPos(0)
			row.fill(record)
			l.Prompt, err = prompt.execute(row)
			if l.ID = strings.TrimSpace(row.columns["id"]); l.ID != "" && err == nil {
				err = checkID(l.ID)
			}
		}
		if !each(l, []byte(l.Prompt), err) {
			return errStopped
		}
	}
}

func headerError(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return &LineError{parse.StartLine, parse.Err}
	}
	return err
}

var errRecord = fmt.Errorf("a record is %w; is a quotation mark not closed? What follows was not looked at", errLong)

// bounded ends a record that has no end: a quotation mark that is never closed has
// all the rest in one field.
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

// withoutBOM leaves out a byte order mark at the beginning.
type withoutBOM struct {
	r    io.Reader
	once bool
}

// Read implements io.Reader.
func (w *withoutBOM) Read(p []byte) (int, error) {
	if w.once {
		return w.r.Read(p)
	}
	w.once = true
	var mark [3]byte
	n, err := io.ReadFull(w.r, mark[:])
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil
	}
	if err != nil {
		return 0, err
	}
	head := bytes.TrimPrefix(mark[:n], []byte("\xef\xbb\xbf"))
	w.r = io.MultiReader(bytes.NewReader(head), w.r)
	return w.r.Read(p)
}
