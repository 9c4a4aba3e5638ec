package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/yamljson"
)

// maxYAML is the maximum size of a YAML input in bytes. It is parsed as a whole; the other
// formats are not.
const maxYAML = 16 << 20

var errNoList = errors.New("expected a list of prompts or tasks")

// array reads a JSON array, an item at a time, until each returns false. The number of an
// item is its place in the array, from 1.
func (in Input) array(r io.Reader, each func(Line, []byte, error) bool) error {
	b := &bounded{r: r, left: maxLine}
	read := &window{r: b}
	dec := json.NewDecoder(read)
	open, err := dec.Token()
	if err == io.EOF {
		return nil // it is empty
	}
	if open != json.Delim('[') && err == nil {
		err = errNoList
	}
	for number := 1; err == nil && dec.More(); number++ {
		b.left = maxLine
		l := Line{Number: number}
		var item json.RawMessage
		if err = dec.Decode(&item); b.over {
			each(l, nil, fmt.Errorf("%w; the rest was not checked", errLong))
			return nil
		}
		if err != nil {
			break
		}
		content, wrong := l.parse(item)
		if !each(l, content, wrong) {
			return nil
		}
		read.pass(dec.InputOffset())
	}
	if err == nil {
		_, err = dec.Token() // the end of the array
	}
	if err == nil {
		if _, err = dec.Token(); err == io.EOF {
			return nil
		} else if err == nil {
			err = errors.New("expected one array")
		}
	}
	return read.locate(dec, err)
}

// window keeps what a decoder has read since the end of the last item, to find the line of an
// error.
type window struct {
	r      io.Reader
	text   bytes.Buffer
	offset int64 // of text
	lines  int   // before text
}

// Read implements io.Reader.
func (w *window) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.text.Write(p[:n]) // never fails
	return n, err
}

// pass forgets what is before the offset.
func (w *window) pass(offset int64) {
	passed := w.text.Next(int(offset - w.offset))
	w.offset, w.lines = offset, w.lines+bytes.Count(passed, []byte("\n"))
}

// locate adds the line to an error of the decoder.
func (w *window) locate(dec *json.Decoder, err error) error {
	w.pass(dec.InputOffset())
	at := 0
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		at, err = w.text.Len(), errors.New("unexpected end of the array")
	} else if _, syntax := errors.AsType[*json.SyntaxError](err); syntax { // its offset is not that in the file
		rest := bytes.TrimLeft(w.text.Bytes(), " \t\r\n")
		at = w.text.Len() - len(rest)
		if invalid, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(rest, new(json.RawMessage))); ok {
			at += int(invalid.Offset) - 1 // the byte itself
		}
	}
	return fmt.Errorf("line %d: not a JSON array of tasks: %w", 1+w.lines+bytes.Count(w.text.Bytes()[:at], []byte("\n")), err)
}

// list reads a YAML list until each returns false. The number of an item is its place in
// the list, from 1.
func (in Input) list(r io.Reader, each func(Line, []byte, error) bool) error {
	text, err := io.ReadAll(io.LimitReader(r, maxYAML+1))
	if err != nil {
		return err
	}
	if len(text) > maxYAML {
		return fmt.Errorf("larger than %d MiB: use JSONL, which is read line by line", maxYAML>>20)
	}
	root, err := yamljson.Parse(text)
	switch {
	case err != nil:
		return err
	case root == nil:
		return nil // it is empty
	case root.Kind != yaml.SequenceNode:
		return fmt.Errorf("line %d: %w", root.Line, errNoList)
	}
	for i, node := range root.Content {
		l := Line{Number: i + 1}
		item, err := yamljson.Encode(node)
		if err == nil {
			item, err = l.parse(item)
		}
		if !each(l, item, err) {
			return nil
		}
	}
	return nil
}
