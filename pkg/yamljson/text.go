package yamljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"unicode/utf8"
)

// CheckText rejects what encoding/json replaces in JSON text: invalid UTF-8 and lone
// surrogates.
func CheckText(doc []byte) error {
	if !utf8.Valid(doc) {
		return errors.New("not UTF-8 text")
	}
	if half, _, ok := loneSurrogate(doc); ok {
		return loneError(half)
	}
	return nil
}

// CheckJSON returns an error if text is not one JSON value, or one of which encoding/json
// would lose a part: a duplicate name, or what CheckText rejects. Errors have the line.
func CheckJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("not UTF-8 text")
	}
	var value json.RawMessage
	if err := json.Unmarshal(text, &value); err != nil {
		syntax, ok := errors.AsType[*json.SyntaxError](err)
		if !ok {
			return err
		}
		before := text[:min(max(int(syntax.Offset)-1, 0), len(text))] // the invalid byte
		return fmt.Errorf("not valid JSON: %v (line %d, column %d)", syntax, lineAt(before), len(before)-bytes.LastIndexByte(before, '\n'))
	}
	if name, line, ok := Repeated(text); ok {
		return fmt.Errorf("line %d: duplicate name %q", line, name)
	}
	if half, at, ok := loneSurrogate(text); ok {
		return fmt.Errorf("line %d: %w", lineAt(text[:at]), loneError(half))
	}
	return nil
}

// lineAt returns the number of the line, from 1, on which a text continues.
func lineAt(before []byte) int { return 1 + bytes.Count(before, []byte("\n")) }

// escapes matches the escapes in JSON text. The group is a lone surrogate.
var escapes = sync.OnceValue(func() *regexp.Regexp {
	const hex = "[0-9a-fA-F]"
	return regexp.MustCompile(`\\u[dD][89abAB]` + hex + hex + `\\u[dD][c-fC-F]` + hex + hex + `|(\\u[dD][89a-fA-F]` + hex + hex + `)|\\.`)
})

// loneSurrogate finds the escape of half a character, and its offset.
func loneSurrogate(doc []byte) (half string, at int, ok bool) {
	if !bytes.Contains(doc, []byte(`\ud`)) && !bytes.Contains(doc, []byte(`\uD`)) {
		return "", 0, false
	}
	for _, match := range escapes().FindAllSubmatchIndex(doc, -1) {
		if match[2] >= 0 {
			return string(doc[match[2]:match[3]]), match[2], true
		}
	}
	return "", 0, false
}

// JoinSurrogates returns a document in which YAML can be read: if it is JSON, with the
// character in place of the escapes of its two halves, which YAML does not have.
func JoinSurrogates(doc []byte) []byte {
	if !bytes.Contains(doc, []byte(`\u`)) || !json.Valid(doc) {
		return doc
	}
	return escapes().ReplaceAllFunc(doc, func(escape []byte) []byte {
		var char string
		if len(escape) != len(`\ud83d\ude00`) || json.Unmarshal(fmt.Appendf(nil, `"%s"`, escape), &char) != nil {
			return escape
		}
		return []byte(char)
	})
}

func loneError(half string) error {
	return fmt.Errorf("%s is a lone surrogate, not a character", half)
}
