package batch

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/textfile"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// Format is the format of an input.
type Format string

// The formats.
const (
	Text  Format = "text"  // one prompt per line
	JSONL Format = "jsonl" // per line a JSON string, which is a prompt, or an object, which is a task
	CSV   Format = "csv"   // RFC 4180, with a header and any of the delimiters
	TSV   Format = "tsv"   // the same; a table of one column has tabs
	JSON  Format = "json"  // an array of strings and objects, as in JSONL
	YAML  Format = "yaml"  // a list of strings and objects
)

// Formats are the names of the formats.
var Formats = []Format{Text, JSONL, JSON, YAML, CSV, TSV}

// FormatOf returns the format for a file name.
func FormatOf(name string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jsonl", ".ndjson":
		return JSONL
	case ".csv":
		return CSV
	case ".tsv", ".tab":
		return TSV
	case ".json":
		return JSON
	case ".yaml", ".yml":
		return YAML
	}
	return Text
}

// The limits of an input.
const (
	maxLine = 4 << 20 // bytes of a line or record
	maxID   = 200     // bytes of an ID
)

// Key identifies a line across runs: the hash of its ID, or else of its content and its
// index among the lines with that content.
type Key [16]byte

// Line is one task of an input.
type Line struct {
	Number int    // of its first line, from 1; in a list, the place of its item
	Index  int    // among the tasks, from 0
	ID     string // "" if it has none
	Key    Key
	Sum    Key                        // hash of its content, if it has an ID
	Prompt string                     // "" with an Object
	Object map[string]json.RawMessage // the fields of a task; nil: the line is a prompt
}

// short returns the line without its content.
func (l Line) short() Line {
	l.Prompt, l.Object = "", nil
	return l
}

// Name returns the name of the line for messages.
func (l Line) Name() string {
	name := fmt.Sprintf("line %d", l.Number)
	if l.Number == 0 {
		name = "a removed line"
	}
	if l.ID != "" {
		name += " (" + l.ID + ")"
	}
	return name
}

// LineError is the error of a line, or of an item of a list.
type LineError struct {
	Number int
	List   bool
	Err    error
}

func (e *LineError) Error() string {
	what := "line"
	if e.List {
		what = "item"
	}
	return fmt.Sprintf("%s %d: %v", what, e.Number, e.Err)
}

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Input says how an input is parsed.
type Input struct {
	Format    Format
	Prompt    *Prompt   // template of the prompts of CSV and TSV; nil: the column prompt
	Delimiter Delimiter // of CSV and TSV; 0: it is recognized
}

// Lines yields the lines of an input except blank ones. After a *LineError the next lines
// follow; another error is the last item, and lines before it may be missing.
func (in Input) Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		c := &counter{ids: map[Key]int{}, contents: map[Key]int{}}
		text := &remembering{r: textfile.NewReader(r, true)}
		more := true
		each := func(l Line, content []byte, err error) bool {
			if text.err != nil { // the line may be cut off
				return false
			}
			if err == nil {
				err = c.count(&l, content)
			}
			if err != nil {
				more = yield(Line{}, in.error(l, err))
			} else {
				more = yield(l, nil)
			}
			return more
		}
		var err error
		switch in.Format {
		case CSV, TSV:
			err = in.records(text, each)
		case JSON:
			err = in.array(text, each)
		case YAML:
			err = in.list(text, each)
		default:
			err = in.lines(bufio.NewReaderSize(text, 64<<10), each)
		}
		if err = cmp.Or(text.err, err); err != nil && more {
			yield(Line{}, err)
		}
	}
}

// remembering remembers the error of a reader, except io.EOF.
type remembering struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != io.EOF {
		r.err = err
	}
	return n, err
}

// error returns the error of a line.
func (in Input) error(l Line, err error) *LineError {
	return &LineError{l.Number, in.isList(), err}
}

// isList reports whether the input is a list, whose lines are its items.
func (in Input) isList() bool { return in.Format == JSON || in.Format == YAML }

// counter assigns indexes and keys.
type counter struct {
	index    int
	ids      map[Key]int // line number by ID
	contents map[Key]int // number of lines by content
}

func (c *counter) count(l *Line, content []byte) error {
	if l.ID != "" {
		l.Key, l.Sum = sum("id", []byte(l.ID)), sum("content", content)
		if first := c.ids[l.Key]; first != 0 {
			return fmt.Errorf("duplicate id %q: line %d has it too", l.ID, first)
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

// sum hashes content of a kind.
func sum(kind string, content []byte) Key {
	h := sha256.New()
	h.Write([]byte(kind + "\x00"))
	h.Write(content)
	return Key(h.Sum(nil)[:len(Key{})])
}

// lines reads text and JSONL until each returns false.
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

// readLine reads a line without its line ending; one that is too long is skipped.
func readLine(r *bufio.Reader) (line []byte, err error) {
	long := false
	for more := true; more; {
		var part []byte
		if part, more, err = r.ReadLine(); err == io.EOF && (long || len(line) > 0) {
			break // the last line has no line ending
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

// parse parses a JSON string or object and returns the content that identifies it.
func (l *Line) parse(text []byte) (content []byte, err error) {
	l.Prompt = ""
	text = bytes.TrimSpace(text)
	if err := yamljson.CheckText(text); err != nil {
		return nil, err
	}
	switch text[0] {
	case '"':
		err := json.Unmarshal(text, &l.Prompt)
		return []byte(l.Prompt), err
	case '{':
	default:
		return nil, errors.New("expected a string or an object")
	}
	if err := json.Unmarshal(text, &l.Object); err != nil {
		return nil, err
	}
	if name, _, twice := yamljson.Repeated(text); twice {
		return nil, fmt.Errorf("duplicate %q", name)
	}
	if id, ok := l.Object["id"]; ok {
		if l.ID, err = parseID(id); err != nil {
			return nil, err
		}
		delete(l.Object, "id")
	}
	if l.Object["assert"] != nil { // another assertion does not make it another line: the same is sent
		if text, err = narada.WithoutMembers(text, "assert"); err != nil {
			return nil, err
		}
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, text)
	return compact.Bytes(), err
}

// parseID parses an ID, a string or a number.
func parseID(doc json.RawMessage) (id string, err error) {
	switch {
	case strings.IndexByte("-0123456789", doc[0]) >= 0:
		id = string(doc)
	case doc[0] != '"':
		return "", errors.New("id: expected a string or a number")
	default:
		if err := json.Unmarshal(doc, &id); err != nil {
			return "", err
		}
	}
	return id, checkID(id)
}

func checkID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("an id must have 1 to %d bytes, got %d", maxID, len(id))
	}
	return nil
}
