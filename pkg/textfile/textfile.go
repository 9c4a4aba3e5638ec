// Package textfile reads text: UTF-8, or UTF-16 with a byte order mark, as UTF-8 without
// one. It opens what a user names as an input: a file or a pipe, and never waits for one longer
// than its context.
//
// Its errors omit the name of the file, which the caller adds: see Named.
//
// The package is private to narada.
package textfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/narada-cli/narada/pkg/oserr"
	"github.com/narada-cli/narada/pkg/units"
)

// ErrNotText is the error of text that is not UTF-8 or contains a NUL.
var ErrNotText = errors.New("not UTF-8 text")

// ReadFile reads the file or pipe at path, of at most limit bytes, as Open opens it.
func ReadFile(ctx context.Context, path string, limit int64) (string, error) {
	f, err := Open(ctx, path)
	if err != nil {
		return "", Cause(err)
	}
	defer f.Close()
	return Read(f, limit)
}

// ReadRegular reads the regular file at path, of at most limit bytes.
func ReadRegular(path string, limit int64) (string, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return "", Cause(err)
	}
	defer f.Close()
	return Read(f, limit)
}

// ReadBytes is ReadFile for content that need not be text.
func ReadBytes(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := Open(ctx, path)
	if err != nil {
		return nil, Cause(err)
	}
	defer f.Close()
	return read(f, limit)
}

// Read reads r, a file or stream of at most limit bytes.
func Read(r io.Reader, limit int64) (string, error) {
	b, err := read(r, limit)
	if err != nil {
		return "", err
	}
	if b, err = io.ReadAll(NewReader(bytes.NewReader(b), false)); err != nil {
		return "", err
	}
	return string(b), nil
}

func read(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, Cause(err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("larger than %s", strings.Replace(units.Size(limit), ".0 ", " ", 1))
	}
	return b, nil
}

// Check returns ErrNotText if text is not UTF-8 or contains a NUL.
func Check(text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return ErrNotText
	}
	return nil
}

// Cause returns an error of a file without the operation and the path, such as "permission
// denied", and any other error unchanged.
func Cause(err error) error {
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		return oserr.Worded(failure.Err)
	}
	if failure, ok := errors.AsType[*os.LinkError](err); ok { // of a rename
		return oserr.Worded(failure.Err)
	}
	return err
}

// Named returns an error of the file called name as "NAME: CAUSE".
func Named(name string, err error) error { return fmt.Errorf("%s: %w", name, Cause(err)) }
