package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
)

type replayOptions struct {
	out      outputFlags
	callback callbackFlags
	to       string
	last     bool
	all      bool
	failed   bool
	since    string
	timeout  time.Duration
}

func newReplay(inv *invocation) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay ID... --to URL",
		Short: "Send stored callbacks again",
		Long: `replay sends the callbacks of tasks again, as they came, to an endpoint of yours,
and prints the status and the time of each: request ID, status and time on a line,
with tabs between them, or an object with -o json. Of a task with several it is
the newest final one.

The secret and the headers that the cloud sent are not kept: give those that the
endpoint wants with --callback-secret and --callback-header.

With --failed it sends the callbacks that a narada listen --forward-to has given up,
to where it was to pass them on, or to --to.

It exits with 3 when one was not answered with 2xx.`,
		Example: `  # the newest callback, to a server that is being written
  narada replay --last --to http://localhost:3000/api/narada/webhook \
    --callback-secret env:HOOK_SECRET --callback-header 'Authorization: env:HOOK_TOKEN'

  # what came while the server was down
  narada replay --all --since 1h --to https://example.com/api/narada/webhook

  # what narada listen --forward-to has given up
  narada replay --failed --callback-secret env:HOOK_SECRET`,
		Args: func(_ *cobra.Command, args []string) error { return o.checkTasks(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := inv.load(cmd); err != nil {
				return err
			}
			return runReplay(cmd.Context(), inv, &o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`URL` to send to: https, or http on this machine")
	addLast(cmd, &o.last)
	f.BoolVar(&o.all, "all", false, "the callbacks of all tasks, the oldest task first")
	f.BoolVar(&o.failed, "failed", false, "the callbacks that narada listen has given up to pass on, the oldest first")
	f.StringVar(&o.since, "since", "", "with --all or --failed: those only that came within this `time`, as 1h or 7d, or since a date")
	f.DurationVar(&o.timeout, "timeout", deliver.DefaultTimeout, "most `time` for one callback")
	o.callback.addProof(cmd)
	o.out.add(cmd)
	return cmd
}

func (o *replayOptions) checkTasks(args []string) error {
	given := 0
	for _, ok := range []bool{len(args) > 0, o.last, o.all, o.failed} {
		if ok {
			given++
		}
	}
	switch {
	case given == 0:
		return usageError("narada history lists the tasks; --last is the newest, --all are all, --failed those that could not be passed on", "no request ID")
	case given > 1:
		return usageError("leave all but one out", "request IDs, --last, --all and --failed each say what is sent")
	case o.since != "" && !o.all && !o.failed:
		return usageError("add --all", "--since is for all callbacks")
	}
	return nil
}

func runReplay(ctx context.Context, inv *invocation, o *replayOptions, args []string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	r, err := o.newReplayer(inv)
	if err != nil {
		return err
	}
	query := store.Query{}
	if o.since != "" {
		if query.Heard, err = parseSince(o.since, inv.app.start); err != nil {
			return usageError("", "--since: %v", err)
		}
	}
	l, err := inv.existingLedger(ctx)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	if o.failed {
		return r.sendFailed(ctx, p, l, query.Heard)
	}
	list, err := o.tasks(ctx, inv, l, query, args)
	if err != nil {
		return err
	}
	if !o.all {
		if err := checkStored(ctx, l, list); err != nil {
			return err
		}
	}
	return r.sendAll(ctx, p, l, list, query.Heard)
}

// tasks are those whose callbacks are to be sent, the oldest first where no order
// was given.
func (o *replayOptions) tasks(ctx context.Context, inv *invocation, l *sqlite.Store, q store.Query, args []string) ([]store.Task, error) {
	var list []store.Task
	switch {
	case o.last:
		t, err := inv.lastTask(ctx, l)
		return []store.Task{t}, err
	case l == nil && o.all:
		return nil, nil
	case l == nil:
		return nil, usageError("", "%s is not in the ledger", args[0])
	case o.all:
		err := l.Tasks(ctx, q, func(t store.Task) error {
			list = append(list, t)
			return nil
		})
		slices.Reverse(list)
		return list, err
	}
	for _, id := range unique(args) {
		t, err := inv.namedTask(ctx, l, id)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// checkStored finds tasks without a callback before any is sent.
func checkStored(ctx context.Context, l *sqlite.Store, tasks []store.Task) error {
	for _, t := range tasks {
		d, err := storedCallback(ctx, l, t)
		switch {
		case err != nil:
			return err
		case d.Body == nil:
			return usageError("narada history show "+shellQuote(taskName(t)), "there is no callback of %s in the ledger: nothing was sent", taskName(t))
		}
	}
	return nil
}

// storedCallback returns the task's newest final callback, or else its newest
// phase; one without a body when there is none.
func storedCallback(ctx context.Context, l *sqlite.Store, t store.Task) (newest store.Delivery, err error) {
	deliveries, err := l.Deliveries(ctx, t)
	for _, d := range deliveries {
		if d.Final || !newest.Final {
			newest = d
		}
	}
	return newest, err
}

// replayer sends callbacks to one endpoint.
type replayer struct {
	inv    *invocation
	sender deliver.Sender
	to     string
	shows  secret.Credentials

	sent, refused int
}

func (o *replayOptions) newReplayer(inv *invocation) (*replayer, error) {
	switch {
	case o.to == "" && !o.failed:
		return nil, usageError("add --to URL", "nothing says where the callbacks are to go")
	case o.timeout <= 0:
		return nil, usageError("", "--timeout: %s is not more than 0", o.timeout)
	}
	if err := task.CheckCallbackURL(o.to); err != nil && o.to != "" {
		return nil, usageError(hintOf(err), "--to: %v", err)
	}
	shows, err := inv.credentials(&o.callback)
	if err != nil {
		return nil, err
	}
	r := &replayer{inv: inv, to: o.to, shows: shows}
	r.sender = deliver.Sender{Transport: inv.transport(), Timeout: o.timeout}
	return r, nil
}

// sendAll sends the tasks' callbacks one after another.
func (r *replayer) sendAll(ctx context.Context, p *printer, l *sqlite.Store, tasks []store.Task, since time.Time) error {
	for _, t := range tasks {
		d, err := storedCallback(ctx, l, t)
		if err != nil {
			return err
		}
		if d.Body == nil || d.ReceivedAt.Before(since) {
			continue
		}
		a, err := r.send(ctx, p, r.to, t.RequestID, d.Body)
		if err := r.count(ctx, a, err); err != nil {
			return err
		}
	}
	return r.verdict()
}

// count counts a callback that was sent. The error is that it was not, or that the
// command is to end before all is sent.
func (r *replayer) count(ctx context.Context, a deliver.Attempt, err error) error {
	if ctx.Err() != nil {
		return &exitError{code: codeFailed, text: fmt.Sprintf("%s: %d callbacks were sent before", cause(context.Cause(ctx)), r.sent)}
	}
	if err != nil {
		return err
	}
	if r.sent++; !a.Accepted() {
		r.refused++
	}
	return nil
}

func (r *replayer) verdict() error {
	switch {
	case r.sent == 0:
		r.inv.talk.Info("replay", "there is no callback to send")
	case r.refused > 0:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d callbacks were not accepted", r.refused, r.sent)}
	}
	return nil
}

// send sends a callback and prints how it was answered.
func (r *replayer) send(ctx context.Context, p *printer, to, id string, body []byte) (a deliver.Attempt, err error) {
	if body, err = narada.ReplaceSecret(body, r.shows.Secret().Reveal()); err != nil {
		return a, err
	}
	attempts, _ := r.sender.Send(ctx, deliver.Callback{URL: to, Header: r.shows.Header(), Body: body})
	a = attempts[len(attempts)-1]
	if ctx.Err() != nil {
		return a, nil // the caller says so
	}
	if p.json {
		return a, p.Value(r.inv.newAttemptJSON(id, a, r.sender.Timeout))
	}
	if a.StatusCode == 0 {
		r.inv.talk.Text("not-sent", term.OneLine(id)+": "+explainAttempt(a, r.sender.Timeout), slog.Any("requestId", id))
	}
	err = p.Text(strings.Join([]string{term.OneLine(id), statusText(a), roundDuration(a.Duration).String()}, "\t"))
	return a, err
}
