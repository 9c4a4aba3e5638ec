package store

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/units"
)

// Mismatch is how the answer of a line does not match what was asked of it.
type Mismatch struct {
	SchemaErrors []string `json:"schemaErrors,omitempty"` // where its data violate the schema
	AssertErrors []string `json:"assertErrors,omitempty"` // which assertions are not true, and why
}

// ParseMismatch is the reverse of Encode.
func ParseMismatch(text string) (m Mismatch) {
	if text != "" && json.Unmarshal([]byte(text), &m) != nil {
		m.SchemaErrors = []string{text}
	}
	return m
}

// Matches reports whether there is no mismatch.
func (m Mismatch) Matches() bool { return len(m.SchemaErrors)+len(m.AssertErrors) == 0 }

// All returns both kinds of errors.
func (m Mismatch) All() []string { return slices.Concat(m.SchemaErrors, m.AssertErrors) }

// Encode returns the mismatch as SetMismatch stores it, "" for none.
func (m Mismatch) Encode() string {
	if m.Matches() {
		return ""
	}
	doc, _ := narada.EncodeJSON(m) // strings only: it cannot fail
	return string(doc)
}

// Text describes what does not match, with the first of each kind.
func (m Mismatch) Text() string {
	var list []string
	if len(m.SchemaErrors) > 0 {
		list = append(list, "its data does not fit the schema: "+m.SchemaErrors[0])
	}
	if n := len(m.AssertErrors); n > 0 {
		list = append(list, units.Count(n, "assertion")+" failed: "+m.AssertErrors[0])
	}
	return strings.Join(list, "; ")
}
