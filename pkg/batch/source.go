package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
)

// InputError is an error of the whole input. Nothing was sent.
type InputError struct {
	Input string // its name in messages
	Err   error
}

func (e *InputError) Error() string { return e.Input + ": " + withoutPath(e.Err).Error() }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// Errors of an input.
var (
	ErrInputChanged = errors.New("it changed while it was read")
	ErrNoTask       = errors.New("it has no tasks")
)

// withoutPath removes the path from an error whose message has it already.
func withoutPath(err error) error {
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		return failure.Err
	}
	return err
}

// stdinPath is the path that means stdin.
const stdinPath = "-"

// source is an input that can be read repeatedly.
type source struct {
	Input
	title  string // its name in messages
	f      *os.File
	copied bool // f is a temporary copy
}

// The limits of what is copied: of a pipe, and of a device, which may have no end.
const (
	maxPipe   = 1 << 30
	maxDevice = 64 << 20
)

// openSource opens the file at path, or stdin for -, which is redirected from the file with
// that information, if any. What cannot be read twice is copied to a temporary file. The end
// of ctx ends the wait for a pipe that no one writes to.
func openSource(ctx context.Context, in Input, path string, stdin io.Reader, redirected os.FileInfo) (*source, error) {
	s := &source{Input: in, title: path}
	if err := s.open(ctx, path, stdin, redirected); err != nil {
		return nil, &InputError{s.title, err}
	}
	return s, nil
}

func (s *source) open(ctx context.Context, path string, stdin io.Reader, redirected os.FileInfo) error {
	if path == stdinPath {
		s.title = "standard input"
		return s.copy(ctx, stdin, redirected)
	}
	f, err := openWithin(ctx, path, os.O_RDONLY)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		s.f = f
		return nil
	}
	defer f.Close()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("it is a folder")
	}
	return s.copy(ctx, f, info)
}

// copy copies r, which has that information, to a temporary file. The end of ctx abandons a
// read under way.
func (s *source) copy(ctx context.Context, r io.Reader, info os.FileInfo) (err error) {
	if s.f, err = os.CreateTemp("", "narada-batch-*"); err != nil { // has mode 0600
		return err
	}
	s.copied = true
	limit := int64(maxPipe)
	if info != nil && info.Mode()&os.ModeDevice != 0 {
		limit = maxDevice
	}
	to := s.f
	n, err := within(ctx, func() (int64, error) { return io.Copy(to, io.LimitReader(r, limit+1)) }, func(int64) {})
	if err == nil && n > limit {
		err = fmt.Errorf("larger than %d MiB: save it as a file", limit>>20)
	}
	if err != nil {
		s.close()
	}
	return err
}

// openWithin opens a file. If it is a pipe, it waits for the other side until ctx ends.
func openWithin(ctx context.Context, path string, flag int) (*os.File, error) {
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		return os.OpenFile(path, flag, 0)
	}
	return within(ctx, func() (*os.File, error) { return os.OpenFile(path, flag, 0) }, func(f *os.File) { _ = f.Close() })
}

// within calls do, and abandons it when ctx ends: what it returns later is dropped.
func within[T any](ctx context.Context, do func() (T, error), drop func(T)) (value T, err error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome)
	go func() {
		var o outcome
		o.value, o.err = do()
		select {
		case done <- o:
		case <-ctx.Done():
			if o.err == nil {
				drop(o.value)
			}
		}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
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

// close closes the input and deletes the copy.
func (s *source) close() {
	_ = s.f.Close() // only read
	if s.copied {
		_ = os.Remove(s.f.Name())
	}
}
