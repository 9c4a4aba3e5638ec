package batch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gofrs/flock"
)

// maxName is the limit on the length of a batch's name.
const maxName = 80

var nameForm = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,%d}$`, maxName-1))

// CheckName reports why name cannot be that of a batch.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is not a name: it may have letters, digits, -, _ and ., up to %d", name, maxName)
	}
	return nil
}

// NameOf is the name of a batch that has been given none: that of its file.
func NameOf(path string) string {
	if path == "-" {
		return "stdin"
	}
	base := filepath.Base(path)
	if ext := filepath.Ext(base); ext != base {
		base = strings.TrimSuffix(base, ext)
	}
	name := regexp.MustCompile(`[^A-Za-z0-9._-]+`).ReplaceAllString(base, "-")
	name = strings.TrimLeft(name, ".-")
	name = name[:min(len(name), maxName)]
	if name == "" {
		return "batch"
	}
	return name
}

// TakenError says that another process runs the batch.
type TakenError struct{ Name string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("the batch %q is being run by another narada", e.Name)
}

// lock keeps other processes from running the batch of that name in the store in dir.
// The error may be a *TakenError. The end of the process, of whatever kind, unlocks it.
func lock(dir, name string) (unlock func(), err error) {
	folder := filepath.Join(dir, "batches")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(folder, name+".lock"), flock.SetPermissions(0o600))
	locked, err := l.TryLock()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if !locked {
		return nil, errors.Join(&TakenError{name}, l.Close())
	}
	return func() { _ = l.Close() }, nil
}
