package receive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/narada-cli/narada/pkg/atomicfile"
)

// Listener is a listen command that runs.
type Listener struct {
	Name  string    `json:"name"`
	URL   string    `json:"url"` // that its callbacks' paths are added to
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// NameError says that a listener cannot have a name.
type NameError struct {
	Name  string
	Taken bool // one of that name runs
}

func (e *NameError) Error() string {
	if e.Taken {
		return fmt.Sprintf("a listener called %q runs already", e.Name)
	}
	return fmt.Sprintf("%q is not a name: it may have letters, digits, - and _, up to 40", e.Name)
}

// isTaken reports whether err is that a listener of the name runs.
func isTaken(err error) bool {
	e, ok := errors.AsType[*NameError](err)
	return ok && e.Taken
}

// The ends of the names of a listener's two files: the one that it locks, and the
// one that tells of it once it takes callbacks.
const (
	lockSuffix = ".lock"
	dataSuffix = ".json"
)

// folder is where the files are, in the folder dir for what narada keeps.
func folder(dir string) string { return filepath.Join(dir, "listeners") }

// The listen commands that run on this machine, and at which address each takes
// callbacks. A listener holds a lock on a file for as long as its process lives,
// however that ends: what an operating system gives back by itself needs no cleaning
// up.

// Registration is a listener's own.
type Registration struct {
	path string // without suffix
	name string
	lock *flock.Flock
}

// Register takes the name for a listener of this process; "" takes the first of
// listen-1, listen-2, ... that is free. The error may be a *NameError.
func Register(dir, name string) (*Registration, error) {
	if name != "" {
		return register(dir, name)
	}
	for n := 1; ; n++ {
		r, err := register(dir, fmt.Sprintf("listen-%d", n))
		if !isTaken(err) {
			return r, err
		}
	}
}

func register(dir, name string) (*Registration, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(name) {
		return nil, &NameError{Name: name}
	}
	if err := os.MkdirAll(folder(dir), 0o700); err != nil {
		return nil, err
	}
	r := &Registration{path: filepath.Join(folder(dir), name), name: name}
	r.lock = flock.New(r.path+lockSuffix, flock.SetPermissions(0o600))
	locked, err := tryLock(r.lock)
	switch {
	case err != nil:
		return nil, err
	case !locked:
		return nil, &NameError{name, true}
	}
	// What an earlier one has left, which did not come to its end.
	if err := os.Remove(r.path + dataSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, r.lock.Close())
	}
	return r, nil
}

// tryLock tries more than once: somebody who looks whether the listener is alive
// has the lock for a moment.
func tryLock(lock *flock.Flock) (locked bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Millisecond)
	defer cancel()
	if locked, err = lock.TryLockContext(ctx, 5*time.Millisecond); ctx.Err() != nil {
		err = nil
	}
	return locked, err
}

// Reserve keeps a listener of that name from starting until release is called. ok is
// false if one runs.
func Reserve(dir, name string) (release func() error, ok bool, err error) {
	r, err := Register(dir, name)
	switch {
	case isTaken(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return r.Close, true, nil
}

// Name returns the listener's name.
func (r *Registration) Name() string { return r.name }

// Publish tells others the address, from now on.
func (r *Registration) Publish(url string, since time.Time) error {
	doc, err := json.Marshal(Listener{Name: r.name, URL: url, PID: os.Getpid(), Since: since.UTC()})
	if err != nil {
		return err
	}
	return atomicfile.Write(r.path+dataSuffix, doc)
}

// Close gives the name back.
func (r *Registration) Close() error {
	err := os.Remove(r.path + dataSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, r.lock.Close())
}

// Running lists the listeners that run and take callbacks, by name.
func Running(dir string) ([]Listener, error) {
	entries, err := os.ReadDir(folder(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Listener
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), dataSuffix)
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		l, alive, err := read(filepath.Join(folder(dir), name))
		if err != nil {
			return nil, err
		}
		if alive {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b Listener) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// read reads what a listener tells of itself, if it is alive.
func read(path string) (l Listener, alive bool, err error) {
	lock := flock.New(path+lockSuffix, flock.SetPermissions(0o600))
	locked, err := lock.TryRLock()
	if err != nil {
		return l, false, err
	}
	if locked { // nobody holds it
		return l, false, lock.Close()
	}
	doc, err := os.ReadFile(path + dataSuffix)
	if errors.Is(err, fs.ErrNotExist) { // it has just ended
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	if err := json.NewDecoder(bytes.NewReader(doc)).Decode(&l); err != nil {
		return l, false, fmt.Errorf("%s: %w", path+dataSuffix, err)
	}
	return l, true, nil
}
