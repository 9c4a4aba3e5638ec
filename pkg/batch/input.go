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
	"path/filepath"
	"regexp"
	"strings"
	"sync"
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

// FormatOf is the format of a file of that name.
func FormatOf(name string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jsonl", ".ndjson":
		return JSONL
	case ".csv":
		return CSV
	case ".tsv":
		return TSV
	}
	return Text
}

// The limits of an input.
const (
	maxLine = 4 << 20 // bytes of a line or record
	maxID   = 200     // bytes of an ID
)

const byteOrderMark = "\ufeff"

// Key identifies a line from run to run: the sum of its ID, or else of its content and
// whether it is the first, second, or nth line with that content.
type Key [16]byte

// Line is one task of an input.
type Line struct {
	Number int    // of the line that it begins at, from 1
	Index  int    // among the tasks, from 0
	ID     string // its own, "" when it has none
	Key    Key
	Sum    Key                        // of its content, if it has an ID
	Prompt string                     // "": Object has it
	Object map[string]json.RawMessage // the fields of a task; nil: the line is a prompt
}

// short is the line without its content.
func (l Line) short() Line {
	l.Prompt, l.Object = "", nil
	return l
}

// Name names the line in messages. One that is no longer in the input has the number 0.
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

// Input says how tasks are made of a text.
type Input struct {
	Format Format
	Prompt *Prompt // makes the prompts of CSV and TSV; nil: the column prompt has them
}

// Lines yields the tasks of the text. An error that is a *LineError is about one
// line, and those after it follow; another is the last. Blank lines are left out.
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
		b := bufio.NewReaderSize(r, 64<<10)
		if mark, _ := b.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
			_, _ = b.Discard(len(mark)) // it was read
		}
		switch in.Format {
		case CSV, TSV:
			err = in.records(b, each)
		default:
			err = in.lines(b, each)
		}
		if err != nil {
			yield(Line{}, err)
		}
	}
}

// counter gives lines their indexes and keys.
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

// sum is the sum of a content of some kind.
func sum(kind string, content []byte) Key {
	h := sha256.New()
	h.Write([]byte(kind + "\x00"))
	h.Write(content)
	return Key(h.Sum(nil)[:len(Key{})])
}

// lines reads text and JSONL, as long as each is true.
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
			return nil
		}
	}
}

var errLong = fmt.Errorf("longer than %d MiB", maxLine>>20)

// readLine reads a line without its end; one that is too long is skipped.
func readLine(r *bufio.Reader) (line []byte, err error) {
	long := false
	for more := true; more; {
		var part []byte
		if part, more, err = r.ReadLine(); err == io.EOF && (long || len(line) > 0) {
			break // the last line has no end
		} else if err != nil {
			return nil, err
		}
		if line = append(line, part...); len(line) > maxLine {
			long, line = true, line[:0]
		}
	}
	if long {
		return nil, errLong
	}
	return line, nil
}

// parse reads a line of JSONL and returns the content that identifies it.
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

// escapes matches the escaped characters of a JSON text: pairs of surrogates, halves of
// them, which are the group, and others.
var escapes = sync.OnceValue(func() *regexp.Regexp {
	const hex = "[0-9a-fA-F]"
	return regexp.MustCompile(`\\u[dD][89abAB]` + hex + hex + `\\u[dD][c-fC-F]` + hex + hex + `|(\\u[dD][89a-fA-F]` + hex + hex + `)|\\.`)
})

// checkText finds what encoding/json accepts and replaces: text that is not UTF-8, and
// half of a pair of surrogates in escapes.
func checkText(doc []byte) error {
	if !utf8.Valid(doc) {
		return errors.New("not UTF-8 text")
	}
	if !bytes.Contains(doc, []byte(`\ud`)) && !bytes.Contains(doc, []byte(`\uD`)) {
		return nil
	}
	for _, match := range escapes().FindAllSubmatch(doc, -1) {
		if half := match[1]; half != nil {
			return fmt.Errorf("%s is half of a character", half)
		}
	}
	return nil
}

// parseID reads an id: a text or a number.
func parseID(doc json.RawMessage) (id string, err error) {
	switch {
	case strings.IndexByte("-0123456789", doc[0]) >= 0:
		id = string(doc)
	case doc[0] != '"':
		return "", errors.New("id: neither a text nor a number")
	default:
		if err := json.Unmarshal(doc, &id); err != nil {
			return "", err
		}
	}
	return id, checkID(id)
}

func checkID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("id: it has %d bytes, and may have 1 to %d", len(id), maxID)
	}
	return nil
}

// records reads CSV and TSV, as long as each is true. After an error of the header, or
// of a record without an end, it stops.
func (in Input) records(r io.Reader, each func(Line, []byte, error) bool) error {
	b := &bounded{r: r}
	c := csv.NewReader(b)
	c.ReuseRecord = true
	if in.Format == TSV {
		c.Comma = '\t'
	}
	prompt := in.Prompt
	if prompt == nil {
		prompt = promptColumn()
	}
	var table *row
	for {
		b.left = maxLine
		record, err := c.Read()
		l, err := recordLine(c, err)
		switch {
		case b.over:
			l.Number = max(l.Number, 1)
			each(l, nil, errRecord)
			return nil
		case err == io.EOF:
			return nil
		case err != nil && l.Number == 0:
			return err
		case table == nil:
			if err == nil {
				table, err = newRow(record)
			}
			if err != nil {
				each(l, nil, err)
				return nil
			}
			continue
		case err == csv.ErrFieldCount:
			err = fmt.Errorf("%d fields, and the header has %d", len(record), len(table.header))
		case err == nil:
			err = l.fill(table, record, prompt)
		}
		if !each(l, []byte(l.Prompt), err) {
			return nil
		}
	}
}

// fill makes the line's prompt and ID of a record.
func (l *Line) fill(table *row, record []string, prompt *Prompt) (err error) {
	table.fill(record)
	if l.Prompt, err = prompt.execute(table); err != nil {
		return err
	}
	if l.ID = strings.TrimSpace(table.columns["id"]); l.ID != "" {
		return checkID(l.ID)
	}
	return nil
}

// recordLine finds the line that a record begins at, 0 when reading failed, and takes
// the place off the error.
func recordLine(c *csv.Reader, err error) (Line, error) {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return Line{Number: parse.StartLine}, parse.Err
	}
	if err != nil {
		return Line{}, err
	}
	number, _ := c.FieldPos(0)
	return Line{Number: number}, nil
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
