package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// MaxSize is the most bytes that a secret from a file or standard input may have.
const MaxSize = 64 << 10

// ErrLiteral says that a secret was written where only a reference may stand.
var ErrLiteral = errors.New("a secret cannot be given as a value here: use env:NAME, file:PATH or - (standard input)")

// Source resolves references to secrets. It is not safe for several goroutines at once.
type Source struct {
	Lookup func(name string) (string, bool) // environment; nil: no variable is set
	Stdin  io.Reader                        // for "-"; nil: there is none

	stdinTaken bool
}

// IsReference reports whether text looks like a reference: env:NAME, file:PATH or -.
func IsReference(text string) bool {
	return text == "-" || strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:")
}

// Resolve returns the secret that ref names: env:NAME (which must be set and
// not empty), file:PATH or - (standard input, at most once per Source). One
// trailing newline, LF or CRLF, is cut. Anything else is ErrLiteral.
func (s *Source) Resolve(ref string) (String, error) {
	kind, rest, _ := strings.Cut(ref, ":")
	switch {
	case !IsReference(ref):
		return String{}, ErrLiteral
	case kind == "env":
		return s.fromEnv(rest)
	case kind == "file":
		return fromFile(rest)
	}
	r, err := s.TakeStdin()
	if err != nil {
		return String{}, err
	}
	return Read(r, "standard input")
}

// TakeStdin hands out standard input, which one reader per command may have.
func (s *Source) TakeStdin() (io.Reader, error) {
	if s.stdinTaken {
		return nil, errors.New("standard input is used twice: only one - per command")
	}
	s.stdinTaken = true
	if s.Stdin == nil {
		return strings.NewReader(""), nil
	}
	return s.Stdin, nil
}

func (s *Source) fromEnv(name string) (String, error) {
	if name == "" {
		return String{}, errors.New("env: expected the name of an environment variable")
	}
	value, set := "", false
	if s.Lookup != nil {
		value, set = s.Lookup(name)
	}
	switch {
	case !set:
		return String{}, fmt.Errorf("environment variable %s is not set", name)
	case value == "":
		return String{}, fmt.Errorf("environment variable %s is empty", name)
	}
	return String{New(value).reveal, name}, nil
}

func fromFile(path string) (String, error) {
	if path == "" {
		return String{}, errors.New("file: expected a path")
	}
	f, err := os.Open(path)
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", path, pathError.Err)
	}
	if err != nil {
		return String{}, err
	}
	defer f.Close()
	return Read(f, path)
}

// Read returns the secret that r has, up to MaxSize bytes, without one trailing
// newline, LF or CRLF. name is what errors call it.
func Read(r io.Reader, name string) (String, error) {
	const mark, newline = "\ufeff", "\r\n" // which are no part of it
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+int64(len(mark+newline))+1))
	b = bytes.TrimPrefix(b, []byte(mark))
	if cut, ok := bytes.CutSuffix(b, []byte("\n")); ok {
		b = bytes.TrimSuffix(cut, []byte("\r"))
	}
	switch {
	case err != nil:
		return String{}, fmt.Errorf("read secret from %s: %w", name, err)
	case len(b) > MaxSize:
		return String{}, fmt.Errorf("the secret in %s is larger than %d bytes", name, MaxSize)
	case len(b) == 0:
		return String{}, fmt.Errorf("the secret in %s is empty", name)
	case !utf8.Valid(b):
		return String{}, fmt.Errorf("the secret in %s is not UTF-8 text", name)
	}
	return New(string(b)), nil
}
