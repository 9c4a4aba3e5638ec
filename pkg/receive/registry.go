package receive

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Registry has the running listeners: Folder those of this machine, Shared those of all
// machines that share a ledger.
type Registry interface {
	// Register reserves a name, and returns the ticket of the listeners that have it. The
	// error may be a *NameError.
	Register(context.Context, Candidate) (Registered, webhook.Ticket, error)

	// Running returns the listeners that take callbacks, sorted by name.
	Running(context.Context) ([]Listener, error)
}

// Listener is a running listen command.
type Listener struct {
	Name  string    `json:"name"`
	URL   string    `json:"url"` // the base of its callback URLs
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// Candidate is a listener of this process that asks for a name.
type Candidate struct {
	Name   string             // "": the first free one of listen-1, listen-2, ...
	URL    string             // the base of its callback URLs; "": not known yet
	Ticket webhook.Ticket     // for callbacks of tasks that were dispatched elsewhere
	Given  secret.Credentials // of them what the user chose
	Lost   func(error)        // called when another listener has got the name
}

// Registered is a listener of this process in a Registry.
type Registered interface {
	Name() string
	// Publish makes the listener visible to other commands, with its address.
	Publish(ctx context.Context, url string) error
	// Withdraw undoes Publish.
	Withdraw(context.Context) error
	// Close frees the name.
	Close() error
}

// NameError says why a listener cannot have a name.
type NameError struct {
	Name  string
	Taken bool   // by a running listener
	URL   string // of that, if others may share the name at that URL
	Given bool   // those who share it have other credentials

	Kept time.Duration // how long a listener that has died keeps its name; 0: not at all
}

func (e *NameError) Error() string {
	switch {
	case e.Given:
		return fmt.Sprintf("the running listener %q has another callback secret, or other headers", e.Name)
	case e.URL != "":
		return fmt.Sprintf("a listener named %q is already running at %s", e.Name, e.URL)
	case e.Taken:
		return fmt.Sprintf("a listener named %q is already running", e.Name)
	}
	return fmt.Sprintf("%q is not a listener name: use at most 40 letters, digits, hyphens and underscores", e.Name)
}

// isTaken reports whether err is a NameError for a name that is taken.
func isTaken(err error) bool {
	e, ok := errors.AsType[*NameError](err)
	return ok && e.Taken
}

// firstFree registers the name; "" is the first free one.
func firstFree[R any](name string, register func(name string) (R, error)) (r R, err error) {
	if name != "" {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(name) {
			return r, &NameError{Name: name}
		}
		return register(name)
	}
	for n := 1; ; n++ {
		if r, err = register(fmt.Sprintf("listen-%d", n)); !isTaken(err) {
			return r, err
		}
	}
}

// Reserve prevents a listener of that name from starting until release is called. ok is
// false if one is running.
func Reserve(ctx context.Context, in Registry, name string) (release func() error, ok bool, err error) {
	r, _, err := in.Register(ctx, Candidate{Name: name, Lost: func(error) {}})
	switch {
	case isTaken(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return r.Close, true, nil
}
