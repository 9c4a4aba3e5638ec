// Package atomicfile writes files atomically: a reader sees the old or the new content,
// never a part. After a crash either may be there.
//
// The package is private to narada.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path with content, with mode 0600.
func Write(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	f := &File{File: temporary, path: path}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Close()
}

// File is a file that is written under a temporary name in its folder.
type File struct {
	*os.File
	path      string
	published bool
}

// Create creates a file for path. Only one program at a time may do so: the temporary name
// is fixed, and what a killed program left there is overwritten.
func Create(path string, mode fs.FileMode) (*File, error) {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".narada")
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, mode)
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path}, nil
}

// Publish renames the file to its path before it is complete. Later writes are appended
// there.
func (f *File) Publish() error {
	if f.published {
		return nil
	}
	err := f.Sync()
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	f.published = err == nil
	return err
}

// Close syncs the file to the disk and publishes it. On an error it removes the file.
func (f *File) Close() error {
	err := f.Publish()
	if err == nil {
		err = f.Sync() // what was written since
	}
	err = errors.Join(err, f.File.Close())
	if err != nil && !f.published {
		_ = os.Remove(f.Name()) // the first error counts
	}
	return err
}

// Discard closes the file and, unless it is published, removes it.
func (f *File) Discard() error {
	if f.published {
		return f.Close()
	}
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

// CheckFolder returns an error if no file can be created in dir.
func CheckFolder(dir string) error {
	f, err := os.CreateTemp(dir, ".narada-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
