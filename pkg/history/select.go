package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Selector selects tasks of the ledger. *sqlite.Store implements it. Where there is no
// ledger yet it is nil: there are no tasks.
type Selector interface {
	Finder
	Newest(ctx context.Context) (t store.Task, ok bool, err error) // with a request ID
	Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error
}

// ErrNoTasks is a ledger without a task that has a request ID.
var ErrNoTasks = errors.New("no tasks yet")

// NameError is a name that no task has.
type NameError struct {
	Name string
	Err  error // ErrNotFound or ErrBadNumber
}

func (e *NameError) Error() string {
	if errors.Is(e.Err, ErrBadNumber) {
		return fmt.Sprintf("%.60q is %v", e.Name, e.Err)
	}
	if err := narada.CheckRequestID(e.Name); err != nil && !strings.HasPrefix(e.Name, "#") { // which may be long
		return err.Error()
	}
	if strings.HasPrefix(e.Name, "#") {
		return "no task " + e.Name + " in the ledger"
	}
	return "no task with request ID " + e.Name + " in the ledger"
}

// Unwrap returns what is wrong with the name.
func (e *NameError) Unwrap() error { return e.Err }

// Named returns the tasks with these Names. The error may be a *NameError.
func Named(ctx context.Context, s Selector, names []string) (list []store.Task, err error) {
	finder := Finder(noTasks{})
	if s != nil {
		finder = s
	}
	for _, name := range names {
		t, err := Find(ctx, finder, name)
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrBadNumber):
			return nil, &NameError{name, err}
		case err != nil:
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// noTasks is the Finder where there is no ledger.
type noTasks struct{}

// Task implements Finder.
func (noTasks) Task(context.Context, string) (t store.Task, ok bool, err error) { return }

// Numbered implements Finder.
func (noTasks) Numbered(context.Context, int64) (t store.Task, ok bool, err error) { return }

// Last returns the newest task that has a request ID. newer, if not nil, is the newest of
// all: it has none, and has not finished. The error may be ErrNoTasks.
func Last(ctx context.Context, s Selector) (last store.Task, newer *store.Task, err error) {
	ok := false
	if s != nil {
		last, ok, err = s.Newest(ctx)
	}
	switch {
	case err != nil:
		return last, nil, err
	case !ok:
		return last, nil, ErrNoTasks
	}
	err = s.Tasks(ctx, store.Query{Limit: 1}, func(newest store.Task) error {
		if newest.Number > last.Number && newest.Open() {
			newer = &newest
		}
		return nil
	})
	return last, newer, err
}

// Unfinished are the tasks that have not finished, according to the ledger.
type Unfinished struct {
	IDs       []string     // oldest first
	Unknown   []store.Task // newest first, without a request ID
	Elsewhere int          // tasks of other APIs
}

// Open returns the unfinished tasks of the API at cloud.
func Open(ctx context.Context, s Selector, cloud string) (u Unfinished, err error) {
	if s == nil {
		return u, nil
	}
	err = s.Tasks(ctx, store.Query{Open: true}, func(t store.Task) error {
		switch {
		case t.Cloud != "" && t.Cloud != cloud:
			u.Elsewhere++
		case t.RequestID == "":
			u.Unknown = append(u.Unknown, t)
		default:
			u.IDs = append(u.IDs, t.RequestID)
		}
		return nil
	})
	slices.Reverse(u.IDs)
	return u, err
}
