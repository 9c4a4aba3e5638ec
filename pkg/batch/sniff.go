package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/textfile"
)

// sniffed is how much of an input is looked at to tell its format, in bytes.
const sniffed = 64 << 10

// FormatError is an input whose content contradicts the format that its name says. Nothing
// was sent.
type FormatError struct {
	ByName Format
	Is     Format // what the content looks like; one of Formats, or another
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("it would be read as %s, but it looks like %s", e.ByName, contents[e.Is])
}

// Hint says how to run such an input.
func (e *FormatError) Hint() string {
	switch {
	case e.Is == OneObject:
		return "for one task: narada run --task FILE; for many: an array, or one on each line and --format jsonl"
	case e.Is == Archive:
		return "save it as CSV or JSONL"
	case e.ByName == Text:
		return fmt.Sprintf("add --format %s; or --format text, to send each line as a prompt", e.Is)
	}
	return "add --format " + string(e.Is)
}

// What the content of an input can look like besides the formats.
const (
	Archive   Format = "archive"
	OneObject Format = "object"
)

var contents = map[Format]string{
	JSON: "a JSON array", JSONL: "JSON objects, one per line", YAML: "a YAML list", CSV: "a table with a header",
	TSV: "a table with tabs and a header", Archive: "a ZIP archive or a spreadsheet", OneObject: "one JSON object",
}

// contradictions are the contents that would be sent wrongly, or fail with an error that does
// not help, by the format of the name.
var contradictions = map[Format][]Format{
	Text:  {JSON, JSONL, YAML, CSV, TSV, OneObject},
	JSONL: {JSON, YAML, CSV, TSV},
	JSON:  {JSONL, YAML, OneObject},
	CSV:   {JSON, JSONL, YAML, OneObject},
	TSV:   {JSON, JSONL, YAML, OneObject},
}

// sniff returns a *FormatError if the beginning of an input contradicts the format that its
// name says. Each line of a text is a paid task: a file of another format must not be sent
// line by line.
func sniff(r io.Reader, byName Format) error {
	raw := bufio.NewReader(r)
	magic, _ := raw.Peek(len(oldOffice)) // the next read has the error again
	if bytes.HasPrefix(magic, []byte(zip)) || string(magic) == oldOffice {
		return &FormatError{byName, Archive}
	}
	head := make([]byte, sniffed)
	n, err := io.ReadFull(textfile.NewReader(raw, true), head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if is := contentFormat(head[:n]); slices.Contains(contradictions[byName], is) {
		return &FormatError{byName, is}
	}
	return nil
}

// The beginnings of a ZIP archive, which new spreadsheets are, and of an old spreadsheet.
const (
	zip       = "PK\x03\x04"
	oldOffice = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
)

// contentFormat returns what the content looks like, "" if it may be plain prompts.
func contentFormat(head []byte) Format {
	text := bytes.TrimSpace(head)
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	first = bytes.TrimSpace(first)
	switch {
	case len(first) == 0:
		return ""
	case first[0] == '[' && startsArray(text):
		return JSON
	case first[0] == '{' && json.Valid(first) && len(rest) > 0:
		return JSONL
	case first[0] == '{' && startsObject(text):
		return OneObject
	case bytes.HasPrefix(first, []byte("- prompt:")), string(first) == "---" && bytes.HasPrefix(bytes.TrimSpace(rest), []byte("- ")):
		return YAML
	case isHeader(string(first), "\t"):
		return TSV
	case isHeader(string(first), ","), isHeader(string(first), ";"), isHeader(string(first), "|"):
		return CSV
	}
	if d, err := declared(text); d != 0 || err != nil {
		return CSV
	}
	return ""
}

// startsArray reports whether text is the beginning of a JSON array of strings or objects.
func startsArray(text []byte) bool {
	after := bytes.TrimSpace(text[1:])
	if len(after) == 0 || after[0] == ']' {
		return len(after) <= 1
	}
	return (after[0] == '"' || after[0] == '{') && isJSON(text)
}

// startsObject reports whether text is the beginning of a JSON object.
func startsObject(text []byte) bool {
	after := bytes.TrimSpace(text[1:])
	return len(after) == 0 || after[0] == '"' && isJSON(text)
}

// isJSON reports whether text is JSON up to its end, where it may be cut off.
func isJSON(text []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := dec.Token(); err != nil {
			return dec.InputOffset() > 1 && (err == io.EOF || err == io.ErrUnexpectedEOF)
		}
	}
}

// isHeader reports whether a line is the header of a table with the column prompt or id.
func isHeader(line, separator string) bool {
	names := strings.Split(line, separator)
	for i, name := range names {
		names[i] = strings.ToLower(strings.Trim(strings.TrimSpace(name), `"`))
		if names[i] == "" || strings.ContainsAny(names[i], " ?!.") {
			return false
		}
	}
	return len(names) > 1 && (slices.Contains(names, "prompt") || slices.Contains(names, "id"))
}
