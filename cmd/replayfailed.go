package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
)

// failedPage is how many callbacks are looked up at once.
const failedPage = 100

// sendFailed sends the callbacks that could not be passed on, one after another. Those
// that are taken now are no longer among them.
func (r *replayer) sendFailed(ctx context.Context, p *printer, l *sqlite.Store, since time.Time) error {
	if l == nil {
		return r.verdict()
	}
	skipped := 0
	for after := (store.Forward{}); ; {
		page, err := l.FailedForwards(ctx, after, failedPage)
		if err != nil {
			return err
		}
		for _, f := range page {
			after = f
			d, ok, err := l.Callback(ctx, f.Seq)
			switch {
			case err != nil:
				return err
			case !ok || d.ReceivedAt.Before(since):
				continue
			case r.to == "" && forward.IsCommand(f.Target):
				skipped++
				continue
			}
			a, err := r.sendForward(ctx, p, l, f, d.Body)
			if err := r.count(ctx, a, err); err != nil {
				return err
			}
		}
		if len(page) < failedPage {
			break
		}
	}
	if skipped > 0 {
		r.inv.talk.Warn("replay", fmt.Sprintf("%d callback%s that a command has failed on %s not sent: --to URL says where to", skipped, plural(skipped != 1), verb(skipped, "was", "were")))
	}
	return r.verdict()
}

// sendForward sends one, and writes down where it was taken. That somebody else than
// whom it was for has not taken it changes nothing.
func (r *replayer) sendForward(ctx context.Context, p *printer, l *sqlite.Store, f store.Forward, body []byte) (a deliver.Attempt, err error) {
	to := r.to
	if to == "" {
		to = f.Target
	}
	if a, err = r.send(ctx, p, to, f.RequestID, body); ctx.Err() != nil {
		return a, err
	}
	elsewhere := to != f.Target
	switch {
	case !a.Accepted() && elsewhere:
		return a, err
	case elsewhere:
		if err := l.MoveForward(context.WithoutCancel(ctx), f, to); err != nil {
			return a, err
		}
		f.Target = to
	}
	f.State, f.Attempts, f.StatusCode, f.Failure, f.EndedAt = store.ForwardDelivered, 1, a.StatusCode, "", time.Now()
	if !a.Accepted() {
		f.State, f.Failure = store.ForwardFailed, term.OneLine(explainAttempt(a, r.sender.Timeout))
	}
	if failed := l.ForwardEnded(context.WithoutCancel(ctx), f); err == nil {
		err = failed
	}
	return a, err
}
