package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/textfile"
)

// InputError is an error of the whole input. Nothing was sent.
type InputError struct {
	Input string // its name in messages
	Err   error
}

func (e *InputError) Error() string { return textfile.Named(e.Input, e.Err).Error() }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// Errors of an input.
var (
	ErrInputChanged error = inputChanged{}
	ErrNoTask             = errors.New("it has no tasks")
)

type inputChanged struct{}

func (inputChanged) Error() string { return "it changed while it was read" }

// Hint says what to do.
func (inputChanged) Hint() string { return "run it again" }

// stdinPath is the path that means stdin.
const stdinPath = "-"

// source is an input that can be read repeatedly.
type source struct {
	Input
	title string // its name in messages
	f     *os.File
}

// The limits of what is copied: of a pipe, and of a device as stdin, which may have no end.
const (
	maxPipe   = 1 << 30
	maxDevice = 64 << 20
)

// openSource opens the file at path, or stdin for -, which is redirected from the file with
// that information, if any. What cannot be read twice is copied to a temporary file, which has no name: a killed
// process leaves nothing. The end of ctx ends the wait for a pipe that no one writes to.
func openSource(ctx context.Context, in Input, path string, stdin io.Reader, redirected os.FileInfo) (*source, error) {
	s := &source{Input: in, title: path}
	if err := s.open(ctx, path, stdin, redirected); err != nil {
		return nil, &InputError{s.title, err}
	}
	return s, nil
}

func (s *source) open(ctx context.Context, path string, stdin io.Reader, redirected os.FileInfo) error {
	if path == stdinPath {
		s.title = "stdin"
		return s.copy(textfile.Until(ctx, stdin), redirected)
	}
	r, err := textfile.Open(ctx, path)
	if err != nil {
		return err
	}
	if f, ok := r.(*os.File); ok {
		s.f = f
		return nil
	}
	defer r.Close()
	return s.copy(r, nil)
}

// copy copies r, which has that information, to a temporary file.
func (s *source) copy(r io.Reader, info os.FileInfo) (err error) {
	if s.f, err = atomicfile.Unnamed(); err != nil {
		return err
	}
	limit := int64(maxPipe)
	if info != nil && info.Mode()&os.ModeDevice != 0 {
		limit = maxDevice
	}
	n, err := io.Copy(s.f, io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("larger than %d MiB: save it as a file", limit>>20)
	}
	if err != nil {
		s.close()
	}
	return err
}

// sniff returns an error if the content contradicts the format that the name says.
func (s *source) sniff() error {
	_, err := s.f.Seek(0, io.SeekStart)
	if err == nil {
		err = sniff(s.f, s.Format)
	}
	if err != nil {
		return &InputError{s.title, err}
	}
	return nil
}

// lines reads the input from its beginning. An error is a *LineError, or an *InputError as
// the last item.
func (s *source) lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if _, err := s.f.Seek(0, io.SeekStart); err != nil {
			yield(Line{}, &InputError{s.title, err})
			return
		}
		for l, err := range s.Lines(s.f) {
			if _, ofLine := errors.AsType[*LineError](err); err != nil && !ofLine {
				err = &InputError{s.title, err}
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// close closes the input. A copy disappears.
func (s *source) close() { _ = s.f.Close() } // only read
