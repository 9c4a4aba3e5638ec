// Package secret keeps secret values out of what the program prints and stores.
//
// String is a secret that prints as ***; Credentials are the secrets of a callback. Source
// reads them from an environment variable (env:NAME), a file (file:PATH) or standard input
// (-), never from the command line, which other users and the shell's history can see.
// Masker is the last line of defence: it masks known secrets in any text, in every form in
// which a server may return them.
//
// The package is private to narada.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
)

// Mask replaces a secret in output.
const Mask = "***"

// String is a secret. Its zero value is the empty secret. It prints as Mask through fmt,
// log/slog and encoding/json; only Reveal returns the value.
type String struct {
	reveal    func() string // fmt prints a function as its address, even in another type
	reference string        // "": none
}

// New returns value as a secret.
func New(value string) String { return String{reveal: func() string { return value }} }

// Reveal returns the value, for a request's header or body.
func (s String) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Variable returns the environment variable of the value, "" if there is none.
func (s String) Variable() string {
	name, _ := strings.CutPrefix(s.reference, "env:")
	if name == s.reference {
		return ""
	}
	return name
}

// Reference returns the reference by which a Source has resolved, or another would resolve,
// the secret: env:NAME or file:PATH with a full path, or "".
func (s String) Reference() string { return s.reference }

// InFile returns the secret as that of the file at path.
func (s String) InFile(path string) String {
	if full, err := filepath.Abs(path); err == nil {
		s.reference = "file:" + full
	}
	return s
}

// Equal compares two secrets in constant time.
func (s String) Equal(other String) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Empty reports whether the value is empty.
func (s String) Empty() bool { return s.Reveal() == "" }

// String returns Mask, or "" for the empty secret.
func (s String) String() string {
	if s.Empty() {
		return ""
	}
	return Mask
}

// Format implements fmt.Formatter for all verbs.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
