package receive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/private"
	"github.com/narada-cli/narada/pkg/textfile"
	"github.com/narada-cli/narada/pkg/webhook"
)

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

// Folder is the folder for narada's state, with the listeners of this machine.
type Folder string

// Register implements Registry. A name has one listener.
func (f Folder) Register(_ context.Context, c Candidate) (Registered, webhook.Ticket, error) {
	r, err := firstFree(c.Name, func(name string) (*Registration, error) { return register(string(f), name) })
	if err != nil {
		return nil, c.Ticket, err // not an interface that holds a nil pointer
	}
	return r, c.Ticket, nil
}

func register(dir, name string) (*Registration, error) {
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
		return nil, &NameError{Name: name, Taken: true}
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

// Name returns the listener's name.
func (r *Registration) Name() string { return filepath.Base(r.path) }

// Publish makes the listener visible to other commands, with its address.
func (r *Registration) Publish(_ context.Context, url string) error {
	doc, err := json.Marshal(Listener{Name: r.Name(), URL: url, PID: os.Getpid(), Since: time.Now().UTC()})
	if err != nil {
		return err
	}
	return atomicfile.Write(r.path+dataSuffix, doc)
}

// Withdraw undoes Publish.
func (r *Registration) Withdraw(context.Context) error { return r.withdraw() }

func (r *Registration) withdraw() error {
	if err := atomicfile.Remove(r.path + dataSuffix); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close frees the name.
func (r *Registration) Close() error { return errors.Join(r.withdraw(), r.lock.Close()) }

// Running implements Registry.
func (f Folder) Running(context.Context) ([]Listener, error) {
	dir := folder(string(f))
	entries, err := os.ReadDir(dir)
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
		switch l, alive, err := read(filepath.Join(dir, name)); {
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
