// Package wholefile writes files that are there as a whole or not at all.
//
// The package is private to narada.
package wholefile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write puts content in the file at path, with mode 0600. Whoever reads it, and
// whatever happens meanwhile, finds what was there before or all of content.
func Write(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is left there after the rename
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
