// Package history collects what the ledger has of a task, to show it.
//
// The package is private to narada.
package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Reader reads the ledger. *sqlite.Store implements it.
type Reader interface {
	Request(context.Context, store.Task) (json.RawMessage, error)
	Final(context.Context, store.Task) (*narada.Result, error)
	Deliveries(context.Context, store.Task) ([]store.Delivery, error)
	Refusals(context.Context, store.Task) ([]store.Refusal, error)
	Forwards(context.Context, store.Task) ([]store.Forward, error)
}

// Detail is all that is stored of a task.
type Detail struct {
	Task      store.Task
	Request   json.RawMessage // masked; nil: sent elsewhere
	Result    *narada.Result  // nil: none yet
	Callbacks []Callback      // oldest first
	Refusals  []store.Refusal
}

// Callback is a callback of a task.
type Callback struct {
	store.Delivery
	Kind     Kind
	Forwards []store.Forward
}

// Kind is the kind of a callback.
type Kind string

// The kinds of callbacks.
const (
	Phase   Kind = "phase"   // the task has not finished
	Final   Kind = "final"   // the task has finished
	Further Kind = "further" // after a final one, with another body
)

// Read reads all that is stored of the task.
func Read(ctx context.Context, r Reader, t store.Task) (d Detail, err error) {
	d.Task = t
	if d.Request, err = r.Request(ctx, t); err != nil {
		return d, err
	}
	if d.Result, err = r.Final(ctx, t); err != nil {
		return d, err
	}
	deliveries, err := r.Deliveries(ctx, t)
	if err != nil {
		return d, err
	}
	if d.Refusals, err = r.Refusals(ctx, t); err != nil {
		return d, err
	}
	forwards, err := r.Forwards(ctx, t)
	d.Callbacks = callbacksOf(deliveries, forwards)
	return d, err
}

func callbacksOf(deliveries []store.Delivery, forwards []store.Forward) (list []Callback) {
	bySeq := map[int64][]store.Forward{}
	for _, f := range forwards {
		bySeq[f.Seq] = append(bySeq[f.Seq], f)
	}
	ended := false
	for _, d := range deliveries {
		c := Callback{d, Phase, bySeq[d.Seq]}
		switch {
		case ended:
			c.Kind = Further
		case d.Final:
			c.Kind = Final
		}
		ended = ended || d.Final
		list = append(list, c)
	}
	return list
}

// Finder finds tasks in the ledger. *sqlite.Store implements it.
type Finder interface {
	Task(ctx context.Context, id string) (t store.Task, ok bool, err error)
	Numbered(ctx context.Context, number int64) (t store.Task, ok bool, err error)
}

// Errors of Find, besides those of the ledger.
var (
	ErrNotFound  = errors.New("not in the ledger")
	ErrBadNumber = errors.New("not a task number")
)

// Name returns the request ID of a task, or its number as #12 if it has none.
func Name(t store.Task) string {
	if t.RequestID == "" {
		return fmt.Sprintf("#%d", t.Number)
	}
	return t.RequestID
}

// Find finds the task with that Name.
func Find(ctx context.Context, f Finder, name string) (t store.Task, err error) {
	ok := false
	if number, isNumber := strings.CutPrefix(name, "#"); isNumber {
		n, parseErr := strconv.ParseInt(number, 10, 64)
		if parseErr != nil {
			return t, ErrBadNumber
		}
		t, ok, err = f.Numbered(ctx, n)
	} else {
		t, ok, err = f.Task(ctx, name)
	}
	if err == nil && !ok {
		err = ErrNotFound
	}
	return t, err
}
