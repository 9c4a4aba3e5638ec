package batch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
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
		return "one task: narada run --task FILE; many: put them in an array, or one on each line and add --format jsonl"
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
	Text:  {JSON, JSONL, YAML, CSV, TSV, Archive, OneObject},
	JSONL: {JSON, YAML, CSV, TSV, Archive},
	JSON:  {JSONL, YAML, Archive, OneObject},
	YAML:  {Archive},
	CSV:   {JSON, JSONL, YAML, Archive, OneObject},
	TSV:   {JSON, JSONL, YAML, Archive, OneObject},
}

// sniff returns a *FormatError if the beginning of an input contradicts the format that its
// name says. Each line of a text is a paid task: a file of another format must not be sent
// line by line.
func sniff(r io.Reader, byName Format) error {
	head := make([]byte, sniffed)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	head = bytes.TrimPrefix(head[:n], []byte(byteOrderMark))
	if is := contentFormat(head); slices.Contains(contradictions[byName], is) {
		return &FormatError{byName, is}
	}
	return nil
}

// contentFormat returns what the content looks like, "" if it may be plain prompts.
func contentFormat(head []byte) Format {
	text := bytes.TrimSpace(head)
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	first = bytes.TrimSpace(first)
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return Archive
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
	case isHeader(string(first), ","):
		return CSV
	case isHeader(string(first), "\t"):
		return TSV
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
