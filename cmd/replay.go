package cmd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/replay"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
)

type replayOptions struct {
	out    outputFlags
	send   sendFlags
	to     string
	last   bool
	all    bool
	failed bool
	since  string
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
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runReplay(cmd.Context(), inv, &o, args) }),
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`URL` to send to: https, or http on this machine")
	addLast(cmd, &o.last)
	f.BoolVar(&o.all, "all", false, "the callbacks of all tasks, the oldest task first")
	f.BoolVar(&o.failed, "failed", false, "the callbacks that narada listen has given up to pass on, the oldest first")
	f.StringVar(&o.since, "since", "", "with --all or --failed: those only that came within this `time`, as 1h or 7d, or since a date")
	o.send.add(cmd, "callback")
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

func runReplay(ctx context.Context, inv *invocation, o *replayOptions, ids []string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	r, err := o.options(inv)
	if err != nil {
		return err
	}
	l, err := inv.existingLedger(ctx)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	r.Store = l
	sent := func(func(replay.Sent, error) bool) {}
	switch {
	case len(ids) > 0 || o.last:
		tasks, err := replayedTasks(ctx, inv, l, ids)
		if err != nil {
			return err
		}
		sent = r.Named(ctx, tasks)
	case l == nil:
	case o.all:
		sent = r.All(ctx)
	case o.failed:
		sent = r.Failed(ctx)
	}
	return printReplayed(ctx, inv, p, sent)
}

// options finds what is wrong with the flags.
func (o *replayOptions) options(inv *invocation) (r replay.Options, err error) {
	if o.to == "" && !o.failed {
		return r, usageError("add --to URL", "nothing says where the callbacks are to go")
	}
	if err := task.CheckCallbackURL(o.to); err != nil && o.to != "" {
		return r, usageError(hintOf(err), "--to: %v", err)
	}
	sender, shown, err := o.send.resolve(inv)
	if err != nil {
		return r, err
	}
	r = replay.Options{URL: o.to, Credentials: shown, Sender: sender}
	if o.since != "" {
		if r.Since, err = parseSince(o.since, inv.app.start); err != nil {
			return r, usageError("", "--since: %v", err)
		}
	}
	return r, nil
}

// replayedTasks are those with the IDs, or the newest.
func replayedTasks(ctx context.Context, inv *invocation, l *sqlite.Store, ids []string) (list []store.Task, err error) {
	if len(ids) == 0 {
		t, err := inv.lastTask(ctx, l)
		return []store.Task{t}, err
	}
	if l == nil {
		return nil, usageError("", "%s is not in the ledger", ids[0])
	}
	for _, id := range unique(ids) {
		t, err := inv.namedTask(ctx, l, id)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// printReplayed prints how each callback was answered.
func printReplayed(ctx context.Context, inv *invocation, p *printer, all iter.Seq2[replay.Sent, error]) error {
	var none *replay.NoCallbackError
	sent, refused, skipped := 0, 0, 0
	for s, err := range all {
		switch {
		case errors.As(err, &none):
			name := taskName(none.Task)
			return usageError("narada history show "+output.ShellWord(name), "there is no callback of %s in the ledger: nothing was sent", name)
		case err != nil && ctx.Err() != nil:
			return &exitError{code: codeFailed, text: fmt.Sprintf("%s: %d callbacks were sent before", cause(context.Cause(ctx)), sent)}
		case err != nil:
			return err
		case s.Skipped:
			skipped++
			continue
		}
		if sent++; !s.Attempt.Accepted() {
			refused++
		}
		if s.Attempt.StatusCode == 0 && !p.json {
			inv.log.Text("not-sent", term.OneLine(s.RequestID)+": "+s.Attempt.Failure().Error(), slog.Any("requestId", s.RequestID))
		}
		if err := printAttempt(inv, p, s.RequestID, s.Attempt, false); err != nil {
			return err
		}
	}
	if skipped > 0 {
		inv.log.Warn("replay", fmt.Sprintf("%d callback%s that a command has failed on %s not sent: --to URL says where to", skipped, plural(skipped != 1), verb(skipped, "was", "were")))
	}
	switch {
	case sent == 0:
		inv.log.Info("replay", "there is no callback to send")
	case refused > 0:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d callbacks were not accepted", refused, sent)}
	}
	return nil
}
