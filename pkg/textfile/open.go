package textfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/narada-cli/narada/pkg/signals"
)

// Open opens a file or a pipe, such as that of <(...) in a shell, for reading. It does not
// wait for a writer of the pipe: the first read does. Reads of a pipe end with ctx. A folder,
// a device except the null device, and a socket are errors.
func Open(ctx context.Context, path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeNamedPipe != 0:
		p := &pipe{path: path}
		return struct {
			io.Reader
			io.Closer
		}{Until(ctx, p), p}, nil
	case isNull(info):
		return os.Open(path)
	}
	return OpenRegular(path)
}

// Until returns a reader of r whose reads end with ctx. It is a *signals.Reader.
func Until(ctx context.Context, r io.Reader) io.Reader {
	return &signals.Reader{Context: ctx, Source: r}
}

// OpenRegular opens a regular file for reading. Anything else is an error, and is neither
// waited for nor read.
func OpenRegular(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // some devices act on being opened
		return nil, kindError(info.Mode())
	}
	return regular(open(path))
}

// OpenUnlinked is OpenRegular for a path at which a link is an error too.
func OpenUnlinked(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = kindError(info.Mode())
	}
	if err != nil {
		return nil, err
	}
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return nil, errors.Join(errors.New("was replaced while it was opened"), f.Close())
	}
	return f, nil
}

// OpenRegularIn is OpenRegular for a path in a root.
func OpenRegularIn(root *os.Root, path string) (*os.File, error) {
	if info, err := root.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, kindError(info.Mode())
	}
	return regular(root.OpenFile(path, os.O_RDONLY|nonBlocking, 0))
}

// OpenToLockIn is OpenRegularIn for a file that is to be locked: it is opened for writing too,
// which network file systems need for a lock, if it can be.
func OpenToLockIn(root *os.Root, path string) (*os.File, error) {
	if info, err := root.Stat(path); err == nil && info.Mode().IsRegular() {
		if f, err := regular(root.OpenFile(path, os.O_RDWR|nonBlocking, 0)); err == nil {
			return f, nil
		}
	}
	return OpenRegularIn(root, path)
}

// regular checks an open file: it may have been replaced since it was looked at.
func regular(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = kindError(info.Mode())
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, err
	}
	return f, nil
}

// kindError is the error of a file that is not a regular one.
func kindError(mode fs.FileMode) error {
	switch {
	case mode.IsDir():
		return errors.New("is a folder")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("is a pipe")
	case mode&fs.ModeSocket != 0:
		return errors.New("is a socket")
	case mode&fs.ModeSymlink != 0:
		return errors.New("is a link")
	}
	return errors.New("is a device")
}

// isNull reports whether a file is the null device, an empty file.
func isNull(info fs.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// pipe opens a pipe when it is read first, which waits for a writer.
type pipe struct {
	path string
	file atomic.Pointer[os.File]
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	f := p.file.Load()
	if f == nil {
		var err error
		if f, err = os.Open(p.path); err != nil {
			return 0, err
		}
		p.file.Store(f)
	}
	return f.Read(b)
}

// Close implements io.Closer. A read that was abandoned may still wait for a writer.
func (p *pipe) Close() error {
	if f := p.file.Load(); f != nil {
		return f.Close()
	}
	return nil
}
