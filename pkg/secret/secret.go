// Package secret keeps secret values out of what the program prints and stores.
//
// String is a value that everything prints as ***; Credentials are those that a
// callback must show. Source reads them from where people may keep them: an environment
// variable (env:NAME), a file (file:PATH) or standard input (-), never the command line
// itself, which other users of a machine and a shell's history can see. Masker is the
// last line of defence: it replaces the values that it was told of, in every form in
// which they may come back from a server.
//
// The package is private to narada.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what stands in the place of a secret.
const Mask = "***"

// String is a secret. Its zero value is the empty secret. It prints as Mask through
// fmt, log/slog and encoding/json; Reveal alone gives the value.
type String struct {
	reveal   func() string // of which fmt prints the address, wherever it finds it
	variable string
}

// New returns value as a secret.
func New(value string) String { return String{reveal: func() string { return value }} }

// Reveal returns the value itself, for a request's header or body.
func (s String) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Variable returns the environment variable that the value comes from, "" for none.
func (s String) Variable() string { return s.variable }

// Equal reports whether the values are the same, in the same time for every value.
func (s String) Equal(other String) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Empty reports whether there is no value.
func (s String) Empty() bool { return s.Reveal() == "" }

// String returns Mask, or "" for the empty secret.
func (s String) String() string {
	if s.Empty() {
		return ""
	}
	return Mask
}

// Format writes String's text, whatever the verb.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
