package await

import (
	"context"
	"errors"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// errDeaf is why nobody can tell of a task whose request ID is not known.
var errDeaf = errors.New("no callback can come any more")

// Sent is a task that was dispatched before.
type Sent struct {
	ID     string // request ID; "": it is not known, nor whether the task was accepted
	Ticket string // path of the ticket that its callback shows, "" when none comes here

	// Deaf is closed when no callback can come any more; nil: one always can.
	Deaf <-chan struct{}

	// Earlier returns the task's final result if it has come already, else nil. It is
	// called once, when what comes from now on is not missed, and with a context that
	// does not end: what has come is the answer, also when there is no time to wait.
	Earlier func(context.Context) (*narada.Result, error)
}

// Await waits for the final answer of a task that was dispatched before. An error
// is an *UnfinishedError when ctx ended before the task did, or neither the cloud
// nor a callback can tell of it any more.
func (r *Runner) Await(ctx context.Context, s Sent, o Observer) (Answer, error) {
	claim := r.Desk.Expect(webhook.Ticket{Path: s.Ticket})
	defer claim.Close()
	claim.Named(s.ID)
	switch earlier, err := s.Earlier(context.WithoutCancel(ctx)); {
	case err != nil:
		return Answer{}, err
	case earlier != nil:
		return Answer{Ticket: s.Ticket, Result: earlier, By: ByCallback}, nil
	}
	defer r.Poller.LookBefore(ctx, func() []string { return []string{claim.ID()} })()
	stopWatching := func() {}
	defer func() { stopWatching() }()
	asked := func(input narada.HumanInput) { o.HumanAsked(claim.ID(), input) }
	named, deaf := claim.named, s.Deaf
	for {
		select {
		case <-claim.done:
			claim.tellHuman(asked)
			return claim.conclude()
		case <-named:
			named = nil
			if s.ID == "" {
				o.Accepted(claim.ID(), ByCallback)
			}
			stopWatching = r.Poller.Watch(claim.ID(), 0)
		case <-deaf:
			deaf = nil
			if claim.ID() == "" {
				return Answer{}, &UnfinishedError{Cause: errDeaf}
			}
		case <-claim.update:
			claim.tellHuman(asked)
		case <-ctx.Done():
			if claim.Done() {
				continue
			}
			return Answer{}, &UnfinishedError{ID: claim.ID(), Last: claim.Last(), Cause: context.Cause(ctx)}
		}
	}
}
