// Package secret keeps secret values out of what the program prints.
//
// It has three parts. String holds a value that every formatting verb, log
// handler and encoder shows as ***. Source reads values from where people are
// allowed to keep them: an environment variable (env:NAME), a file (file:PATH)
// or standard input (-), never the command line itself, which other users of a
// machine and a shell's history can see. Redactor is the last line of defence:
// a writer that replaces the values it was told of by ***.
//
// The package is private to narada.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what stands in the place of a secret.
const Mask = "***"

// String is a secret. Its zero value is the empty secret. It prints as Mask
// through fmt, log/slog, encoding/json and encoding.TextMarshaler; Reveal alone
// gives the value.
type String struct{ value string }

// New returns value as a secret.
func New(value string) String { return String{value} }

// Reveal returns the value itself, for a request's header or body.
func (s String) Reveal() string { return s.value }

// Empty reports whether there is no value.
func (s String) Empty() bool { return s.value == "" }

// String returns Mask, or "" for the empty secret.
func (s String) String() string {
	if s.value == "" {
		return ""
	}
	return Mask
}

// Format writes String's text whatever the verb: %x and %q of a struct that
// holds a secret would otherwise print its fields.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON implements json.Marshaler.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
