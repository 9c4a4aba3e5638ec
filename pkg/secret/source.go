package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/narada-cli/narada/pkg/textfile"
)

// maxSize is the maximum size in bytes of a secret from a file or standard input.
const maxSize = 64 << 10

// ErrLiteral is the error of a secret in place of a reference.
var ErrLiteral = errors.New("a secret cannot be given as a value here: use env:NAME, file:PATH or - (stdin)")

// Source resolves references to secrets. It is not safe for concurrent use.
type Source struct {
	Lookup func(name string) (string, bool) // of the environment; nil: no variable is set
	Stdin  io.Reader                        // for "-"; nil: empty

	// Ask asks for a secret, of which it gets the name, on the terminal that Stdin is; nil: it
	// is none.
	Ask func(ctx context.Context, name string) (string, error)

	// Context ends the reads of standard input and of pipes; nil: nothing does.
	Context context.Context

	stdinTaken bool
}

// IsReference reports whether text has the form of a reference: env:NAME, file:PATH or -.
func IsReference(text string) bool {
	return text == "-" || strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:")
}

// Resolve returns the secret called name of a reference: env:NAME (set and not empty),
// file:PATH, or - (standard input, at most once per Source; on a terminal it is asked for).
// One trailing LF or CRLF is removed. Anything else is ErrLiteral.
func (s *Source) Resolve(name, ref string) (String, error) {
	kind, rest, _ := strings.Cut(ref, ":")
	switch {
	case !IsReference(ref):
		return String{}, ErrLiteral
	case kind == "env":
		return s.fromEnv(rest)
	case kind == "file":
		return s.fromFile(rest)
	}
	r, err := s.TakeStdin()
	if err != nil {
		return String{}, err
	}
	if s.Ask != nil {
		text, err := s.Ask(s.context(), name)
		return New(text), err
	}
	return Read(r, "stdin")
}

// TakeStdin returns standard input. A second call is an error.
func (s *Source) TakeStdin() (io.Reader, error) {
	if s.stdinTaken {
		return nil, errors.New("stdin is used twice: only one - per command")
	}
	s.stdinTaken = true
	if s.Stdin == nil {
		return strings.NewReader(""), nil
	}
	return textfile.Until(s.context(), s.Stdin), nil
}

// ReadFile reads the text of the file or pipe at path, of at most limit bytes.
func (s *Source) ReadFile(path string, limit int64) (string, error) {
	return textfile.ReadFile(s.context(), path, limit)
}

func (s *Source) context() context.Context {
	if s.Context == nil {
		return context.Background()
	}
	return s.Context
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
	case textfile.Check(value) != nil:
		return String{}, fmt.Errorf("environment variable %s: %w", name, textfile.ErrNotText)
	}
	return String{New(value).reveal, "env:" + name}, nil
}

func (s *Source) fromFile(path string) (String, error) {
	if path == "" {
		return String{}, errors.New("file: expected a path")
	}
	f, err := textfile.Open(s.context(), path)
	if err != nil {
		return String{}, textfile.Named(path, err)
	}
	defer f.Close()
	value, err := Read(f, path)
	return value.InFile(path), err
}

// Read reads a secret of up to 64 KiB, without one trailing LF or CRLF. Errors begin with
// name.
func Read(r io.Reader, name string) (String, error) {
	text, err := textfile.Read(r, maxSize)
	if cut, ok := strings.CutSuffix(text, "\n"); ok {
		text = strings.TrimSuffix(cut, "\r")
	}
	if err == nil && text == "" {
		err = errors.New("the secret is empty")
	}
	if err != nil {
		return String{}, textfile.Named(name, err)
	}
	return New(text), nil
}
