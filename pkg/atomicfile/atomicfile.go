// Package atomicfile writes files that are there as a whole or not at all: whoever
// reads one, and whatever happens meanwhile, finds what was there before or all that
// was written.
//
// The package is private to narada.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts content in the file at path, with mode 0600.
func Write(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return err
	}
	f := &File{File: temporary, path: path}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Close()
}

// File is a file that is written under a temporary name, in the folder where it will
// be.
type File struct {
	*os.File
	path      string
	published bool
}

// Create makes a file that will be at path, where one program at a time may write.
// What an earlier one, which was killed, has left under the temporary name is
// overwritten.
func Create(path string, mode fs.FileMode) (*File, error) {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".narada")
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, mode)
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path}, nil
}

// Publish puts the file in its place before all is written. What is written later is
// added there.
func (f *File) Publish() error {
	if f.published {
		return nil
	}
	err := os.Rename(f.Name(), f.path)
	f.published = err == nil
	return err
}

// Close writes the file to the disk and publishes it. One that cannot be published is
// removed.
func (f *File) Close() error {
	err := errors.Join(f.Sync(), f.File.Close())
	if err == nil {
		err = f.Publish()
	}
	if err != nil && !f.published {
		_ = os.Remove(f.Name()) // the first error counts
	}
	return err
}

// Discard closes the file and removes it, unless it is published.
func (f *File) Discard() error {
	if f.published {
		return f.Close()
	}
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

// CheckFolder finds out whether files can be made in a folder.
func CheckFolder(dir string) error {
	f, err := os.CreateTemp(dir, ".narada-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
