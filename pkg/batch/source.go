package batch

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
)

// InputError says what is wrong with an input as a whole. Nothing was sent.
type InputError struct {
	Input string // what messages call it
	Err   error
}

func (e *InputError) Error() string { return e.Input + ": " + withoutPath(e.Err).Error() }

// Unwrap returns what is wrong.
func (e *InputError) Unwrap() error { return e.Err }

// What may be wrong with an input.
var (
	ErrInputChanged = errors.New("it has changed while it was read")
	ErrNoTask       = errors.New("there is no task in it")
)

// withoutPath leaves the path out of an error, where it is said already.
func withoutPath(err error) error {
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		return failure.Err
	}
	return err
}

// source is an input that can be read more than once.
type source struct {
	Input
	title string // what messages call it
	f     *os.File
	info  os.FileInfo // of the user's file; nil: f is a copy
}

// openSource opens the file at path, or takes stdin for -. What cannot be read twice
// is copied to a temporary file.
func openSource(in Input, path string, stdin io.Reader) (*source, error) {
	s := &source{Input: in, title: path}
	from := stdin
	if path == "-" {
		s.title = "standard input"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, &InputError{s.title, err}
		}
		info, err := f.Stat()
		if err == nil && info.Mode().IsRegular() {
			s.f, s.info = f, info
			return s, nil
		}
		defer f.Close()
		if err == nil && info.IsDir() {
			err = errors.New("it is a folder")
		}
		if err != nil {
			return nil, &InputError{s.title, err}
		}
		from = f
	}
	if err := s.copy(from); err != nil {
		return nil, &InputError{s.title, err}
	}
	return s, nil
}

// copy makes a temporary file of what is read from r.
func (s *source) copy(r io.Reader) (err error) {
	if s.f, err = os.CreateTemp("", "narada-batch-*"); err != nil { // made with mode 0600
		return err
	}
	if _, err = io.Copy(s.f, r); err != nil {
		s.close()
	}
	return err
}

// rewind goes back to the beginning of the input.
func (s *source) rewind() error {
	if s.info != nil {
		now, err := s.f.Stat()
		if err != nil {
			return err
		}
		if now.Size() != s.info.Size() || !now.ModTime().Equal(s.info.ModTime()) {
			return ErrInputChanged
		}
	}
	_, err := s.f.Seek(0, io.SeekStart)
	return err
}

// lines reads the input from its beginning. An error is a *LineError, or an *InputError,
// which is the last.
func (s *source) lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if err := s.rewind(); err != nil {
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

// close closes the input, and deletes the copy.
func (s *source) close() {
	_ = s.f.Close() // nothing was written that matters
	if s.info == nil {
		_ = os.Remove(s.f.Name())
	}
}
