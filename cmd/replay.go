package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/replay"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
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
		Long: `replay sends the callbacks of tasks again, as the ledger has them, and prints a
line for each: request ID, status code and duration, with tabs between them, or with
-o json an object. For a task with several callbacks it sends the newest final one.

The cloud's callback secret and headers are not stored: set those that the endpoint
expects with --callback-secret and --callback-header.

--failed sends the callbacks that narada listen --forward-to could not forward, to
their target or to --to.

Exit code 3: an endpoint did not answer with 2xx.`,
		Example: `  # the newest callback, to a server that you are writing
  narada replay --last --to http://localhost:3000/api/narada/webhook \
    --callback-secret env:HOOK_SECRET --callback-header 'Authorization: env:HOOK_TOKEN'

  # what arrived while the server was down
  narada replay --all --since 1h --to https://example.com/api/narada/webhook

  # what narada listen --forward-to could not forward
  narada replay --failed --callback-secret env:HOOK_SECRET`,
		Args: func(_ *cobra.Command, args []string) error { return o.checkTasks(args) },
		RunE: inv.printing(&o.out, func(ctx context.Context, p *printer, args []string) error { return runReplay(ctx, inv, p, &o, args) }),
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "send to this `URL`: https, http on this machine, or a PORT")
	addLast(cmd, &o.last)
	f.BoolVar(&o.all, "all", false, "send the callbacks of all tasks, the oldest task first")
	f.BoolVar(&o.failed, "failed", false, "send the callbacks that narada listen could not forward, the oldest first")
	f.StringVar(&o.since, "since", "", "send callbacks received within this `DURATION` (1h, 7d), or since a date")
	o.send.add(cmd)
	o.out.add(cmd)
	return cmd
}

// checkTasks checks that the command line says in one way which callbacks are sent.
func (o *replayOptions) checkTasks(args []string) error {
	err := usage.OneWay(usage.Way{Name: "an ID", Given: len(args) > 0}, usage.Way{Name: "--last", Given: o.last},
		usage.Way{Name: "--all", Given: o.all}, usage.Way{Name: "--failed", Given: o.failed})
	switch {
	case err != nil:
		return err
	case len(args) == 0 && !o.last && !o.all && !o.failed:
		return usage.Errorf("list the tasks: narada history", "specify an ID, --last, --all or --failed")
	case o.since != "" && !o.all && !o.failed:
		return usage.Errorf("", "--since requires --all or --failed")
	}
	return nil
}

func runReplay(ctx context.Context, inv *invocation, p *printer, o *replayOptions, ids []string) error {
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
		tasks, err := namedTasks(ctx, inv, selector(l), ids)
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

// options checks the flags.
func (o *replayOptions) options(inv *invocation) (r replay.Options, err error) {
	if o.to == "" && !o.failed {
		return r, usage.Errorf("--to URL, or --to PORT on this machine", "specify --to")
	}
	if o.to != "" {
		if r.URL, err = o.send.target.parse("--to: ", o.to); err != nil {
			return r, err
		}
	}
	target, given, err := o.send.resolve(inv, r.URL)
	if err != nil {
		return r, err
	}
	r.Sender, r.Credentials = o.send.senders(inv, target), given
	r.Since, err = usage.Time("since", o.since, inv.app.start)
	return r, err
}

// printReplayed prints the answer to each callback.
func printReplayed(ctx context.Context, inv *invocation, p *printer, all iter.Seq2[replay.Sent, error]) error {
	var none *replay.NoCallbackError
	sent, refused, skipped, hint := 0, 0, 0, ""
	for s, err := range all {
		switch {
		case errors.As(err, &none):
			name := taskName(none.Task)
			return usage.Errorf("narada history show "+output.ShellWord(name), "nothing was sent: the ledger has no callback of %s", name)
		case err != nil && ctx.Err() != nil:
			return &exitError{code: codeFailed, text: fmt.Sprintf("%s: %s sent", cause(context.Cause(ctx)), units.Count(sent, "callback"))}
		case err != nil:
			return err
		case s.Skipped:
			skipped++
			continue
		}
		if sent++; !s.Attempt.Accepted() {
			refused++
			hint = cmp.Or(hint, attemptHint(s.Attempt, s.URL))
		}
		if s.Attempt.StatusCode == 0 && !p.AsJSON {
			inv.log.Text("not-sent", term.OneLine(s.RequestID)+": "+s.Attempt.Failure().Error(), requestField(s.RequestID))
		}
		if err := printAttempt(inv, p, s.RequestID, s.Attempt, false); err != nil {
			return err
		}
	}
	if skipped > 0 {
		inv.log.Warn("replay", units.Count(skipped, "callback")+" not sent, whose target is a command: --to URL sends to an endpoint")
	}
	if sent == 0 {
		inv.log.Info("replay", "no callbacks to send")
	}
	return notAccepted(refused, sent, hint)
}
