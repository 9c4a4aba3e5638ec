package batch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"github.com/narada-cli/narada/pkg/private"
	"github.com/narada-cli/narada/pkg/store"
)

// maxName is the maximum length of a batch's name.
const maxName = 80

// nameForm is the form of a batch's name, of any length.
var nameForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`) })

// CheckName returns an error if name is not valid for a batch.
func CheckName(name string) error {
	if len(name) > maxName || !nameForm().MatchString(name) {
		return fmt.Errorf("%q is not a batch name: use at most %d letters, digits, dots, hyphens and underscores", name, maxName)
	}
	return nil
}

// NameOf returns the default name for a batch from its input file.
func NameOf(path string) string {
	if path == stdinPath || path == "/dev/stdin" || strings.HasPrefix(path, "/dev/fd/") {
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

// TakenError is a batch that another process is running.
type TakenError struct {
	Name   string
	shared bool // workers may run its lines
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("another narada process is running the batch %q", e.Name)
}

// Hint says how to run its lines all the same.
func (e *TakenError) Hint() string {
	if e.shared {
		return "to run more of its lines at once here: narada batch work " + e.Name
	}
	return "--name runs it as a separate batch, which sends its tasks again"
}

// lock locks the batch of that name in the store in dir. The error may be a *TakenError.
// The lock ends with the process.
func lock(dir, name string) (unlock func(), err error) {
	folder := filepath.Join(dir, "batches")
	if err := private.MkdirAll(folder); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(folder, name+".lock"), flock.SetPermissions(0o600))
	locked, err := l.TryLock()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if !locked {
		return nil, errors.Join(&TakenError{Name: name}, l.Close())
	}
	return func() { _ = l.Close() }, nil
}

// lockAndFree locks the batch, and ends the leases of the last run that had the lock: other
// runs and workers need not wait until they have ended.
func lockAndFree(ctx context.Context, s store.Writer, dir, name string) (unlock func(), err error) {
	if unlock, err = lock(dir, name); err != nil {
		return nil, err
	}
	owner, err := os.ReadFile(ownerPath(dir, name))
	if err == nil {
		err = s.Write(ctx, &store.RenewClaims{Owner: string(owner)})
	}
	if err == nil {
		err = os.Remove(ownerPath(dir, name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// rememberOwner keeps the owner of the claims of a run that has the lock.
func rememberOwner(dir, name, owner string) error {
	return os.WriteFile(ownerPath(dir, name), []byte(owner), 0o600)
}

func ownerPath(dir, name string) string { return filepath.Join(dir, "batches", name+".owner") }
