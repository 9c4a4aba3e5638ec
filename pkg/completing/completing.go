// Package completing finds the values that a shell completes: request IDs, and the names of
// batches, sessions and listeners. It reads the ledger and changes nothing. Whatever fails,
// there are only fewer values: a shell has no place for an error. It is bounded in time, since
// a person waits for the next key.
//
// The package is private to narada.
package completing

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/session"
	"github.com/narada-cli/narada/pkg/store"
)

// The limits.
const (
	maxValues = 50
	maxRead   = 2_000 // tasks that are read to find those with a prefix
	maxWidth  = 80    // characters of a description
	maxTime   = time.Second
)

// NoValues is what a completion without values has: no files either.
const NoValues = cobra.ShellCompDirectiveNoFileComp

// Ledger is the ledger as this package uses it.
type Ledger interface {
	Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error
	BatchList(context.Context) ([]store.Batch, error)
	Sessions(ctx context.Context, open bool, limit int) ([]store.Session, error)
	Close() error
}

// Values are those found, the best first.
type Values struct {
	Prefix string   // that they have
	Given  []string // values that are not wanted again
	Shown  func(string) string
	Now    time.Time

	list []cobra.Completion
}

// add adds a value, unless it does not fit or there are enough. full reports the latter.
func (v *Values) add(value, description string) (full bool) {
	odd := value == "" || strings.ContainsAny(value, "\t\r\n") || v.Shown(value) != value // a shell cannot type it
	if !odd && strings.HasPrefix(value, v.Prefix) && !slices.Contains(v.Given, value) {
		text := []rune(strings.Join(strings.Fields(v.Shown(description)), " "))
		if len(text) > maxWidth {
			text = append(text[:maxWidth-1], '…')
		}
		if len(text) > 0 {
			value = cobra.CompletionWithDesc(value, string(text))
		}
		v.list = append(v.list, value)
	}
	return len(v.list) >= maxValues
}

// errEnough ends a read.
var errEnough = errors.New("enough values")

// Requests adds the request IDs of the newest tasks, with their prompts.
func Requests(ctx context.Context, l Ledger, v *Values) {
	// Those that were read before a failure remain.
	_ = l.Tasks(ctx, store.Query{Limit: maxRead}, func(t store.Task) error {
		if narada.CheckRequestID(t.RequestID) == nil && v.add(t.RequestID, t.Prompt) {
			return errEnough
		}
		return nil
	})
}

// Batches adds the names of the newest batches, with their inputs.
func Batches(ctx context.Context, l Ledger, v *Values) {
	list, _ := l.BatchList(ctx)
	for _, b := range list {
		if v.add(b.Name, b.Input) {
			return
		}
	}
}

// Sessions adds the cloud browser sessions that may be running, with their names.
func Sessions(ctx context.Context, l Ledger, v *Values) {
	list, _, _ := session.List(ctx, l, v.Now, true, maxValues)
	for _, s := range list {
		v.add(s.ID, s.Name)
	}
}

// Add adds fixed values, which are there whatever fails.
func (v *Values) Add(values ...string) *Values {
	for _, value := range values {
		v.add(value, "")
	}
	return v
}

// Listener adds a running listener as the value of a flag that takes listener:NAME.
func (v *Values) Listener(name, url string) { v.add("listener:"+name, url) }

// Find returns the values with those that find adds in a second, in their order.
func (v *Values) Find(ctx context.Context, find func(context.Context, *Values) error) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	found := make(chan []cobra.Completion, 1)
	go func() {
		own := *v
		own.list = slices.Clone(v.list)
		_ = panics.Catch(func() error { return find(ctx, &own) })
		found <- own.list
	}()
	list := v.list
	select {
	case list = <-found:
	case <-ctx.Done(): // what find does now is lost with the process
	}
	return list, NoValues | cobra.ShellCompDirectiveKeepOrder
}
