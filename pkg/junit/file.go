package junit

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/atomicfile"
)

// CheckPath returns why no report can be written to the path, as far as that is known before.
func CheckPath(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return errors.New("it is a folder")
	case err == nil && !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case err == nil:
		return nil
	}
	if info, err = os.Stat(filepath.Dir(path)); err == nil && !info.IsDir() {
		err = errors.New("its folder is not one")
	}
	return err
}

// WriteFile writes the report to the path, as a whole or not at all.
func (s *Suite) WriteFile(path string) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	f, err := atomicfile.Create(path, 0o666) // the umask narrows it
	if err != nil {
		return err
	}
	if err := s.Write(f); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Close()
}
