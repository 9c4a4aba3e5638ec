package receive

import (
	"cmp"
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
	"github.com/narada-cli/narada/pkg/private"
	"github.com/narada-cli/narada/pkg/textfile"
)

// Listener is a running listen command.
type Listener struct {
	Name  string    `json:"name"`
	URL   string    `json:"url"` // the base of its callback URLs
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// NameError says why a listener cannot have a name.
type NameError struct {
	Name  string
	Taken bool // by a running listener
}

func (e *NameError) Error() string {
	if e.Taken {
		return fmt.Sprintf("a listener named %q is already running", e.Name)
	}
	return fmt.Sprintf("%q is not a listener name: use at most 40 letters, digits, hyphens and underscores", e.Name)
}

// isTaken reports whether err is a NameError for a name that is taken.
func isTaken(err error) bool {
	e, ok := errors.AsType[*NameError](err)
	return ok && e.Taken
}

// The suffixes of a listener's two files: the one that it locks, and the one with its
// Listener once it takes callbacks. It holds the lock for as long as its process
// lives, however that ends: the operating system releases a lock by itself.
const (
	lockSuffix = ".lock"
	dataSuffix = ".json"
)

// folder is where the files are, in the folder dir for narada's state.
func folder(dir string) string { return filepath.Join(dir, "listeners") }

// Registration is the registration of a listener of this process.
type Registration struct {
	path string // without suffix; its last element is the name
	lock *flock.Flock
}

// Register reserves the name for a listener of this process; "" is the first free name
// of listen-1, listen-2, ... The error may be a *NameError.
func Register(dir, name string) (*Registration, error) {
	for n := 1; ; n++ {
		r, err := register(dir, cmp.Or(name, fmt.Sprintf("listen-%d", n)))
		if name != "" || !isTaken(err) {
			return r, err
		}
	}
}

func register(dir, name string) (*Registration, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(name) {
		return nil, &NameError{Name: name}
	}
	if err := private.MkdirAll(folder(dir)); err != nil {
		return nil, err
	}
	path := filepath.Join(folder(dir), name)
	r := &Registration{path, newLock(path)}
	locked, err := tryLock(r.lock)
	switch {
	case err != nil:
		return nil, err
	case !locked:
		return nil, &NameError{name, true}
	}
	if err := r.withdraw(); err != nil { // a killed listener's file
		return nil, errors.Join(err, r.lock.Close())
	}
	return r, nil
}

func newLock(path string) *flock.Flock {
	return flock.New(path+lockSuffix, flock.SetPermissions(0o600))
}

// tryLock tries more than once: read holds the lock for a moment.
func tryLock(lock *flock.Flock) (locked bool, err error) {
	for range 3 {
		if locked, err = lock.TryLock(); locked || err != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return locked, err
}

// Reserve prevents a listener of that name from starting until release is called. ok is
// false if one is running.
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
func (r *Registration) Name() string { return filepath.Base(r.path) }

// Publish makes the listener visible to other commands, with its address.
func (r *Registration) Publish(url string, since time.Time) error {
	doc, err := json.Marshal(Listener{Name: r.Name(), URL: url, PID: os.Getpid(), Since: since.UTC()})
	if err != nil {
		return err
	}
	return atomicfile.Write(r.path+dataSuffix, doc)
}

// withdraw undoes Publish.
func (r *Registration) withdraw() error {
	if err := os.Remove(r.path + dataSuffix); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close frees the name.
func (r *Registration) Close() error { return errors.Join(r.withdraw(), r.lock.Close()) }

// Running returns the listeners that take callbacks, sorted by name.
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
		if !ok || strings.HasPrefix(name, ".") { // or it is being written
			continue
		}
		switch l, alive, err := read(filepath.Join(folder(dir), name)); {
		case err != nil:
			return nil, err
		case alive:
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b Listener) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// read reads a listener's file, if it is alive.
func read(path string) (l Listener, alive bool, err error) {
	lock := newLock(path)
	locked, err := lock.TryRLock()
	switch {
	case err != nil:
		return l, false, err
	case locked: // its process has ended
		return l, false, lock.Close()
	}
	doc, err := textfile.ReadRegular(path+dataSuffix, maxReadyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has just ended
		return l, false, nil
	case err != nil:
		return l, false, textfile.Named(path+dataSuffix, err)
	}
	if err := json.Unmarshal([]byte(doc), &l); err != nil {
		return l, false, fmt.Errorf("%s: %w", path+dataSuffix, err)
	}
	return l, true, nil
}
