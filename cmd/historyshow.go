package cmd

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

type historyShowOptions struct {
	out  outputFlags
	last bool
}

func newHistoryShow(inv *invocation) *cobra.Command {
	var o historyShowOptions
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "All that is kept of a task",
		Long: `show prints what the ledger has of a task: the request that was sent, its secrets
masked; every callback that came for it; those that were refused, without their
bodies; and its answer.`,
		Example: `  narada history show req_abc123def456
  narada history show --last -o json --jq '.callbacks[].receivedAt'`,
		Args: func(_ *cobra.Command, args []string) error { return oneTask(args, o.last) },
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runHistoryShow(cmd.Context(), inv, &o, args) }),
	}
	addLast(cmd, &o.last)
	o.out.add(cmd)
	return cmd
}

// addLast adds --last, which is as good as the ID of the newest task.
func addLast(cmd *cobra.Command, last *bool) {
	cmd.Flags().BoolVar(last, "last", false, "the newest task that was dispatched from this machine, or whose callback came here")
}

// oneTask checks that one task is named, by its ID or by --last.
func oneTask(args []string, last bool) error {
	switch {
	case last && len(args) > 0:
		return usageError("leave one of them out", "--last is a task, and an ID was given")
	case !last && len(args) == 0:
		return usageError("narada history lists the tasks; --last is the newest", "no request ID")
	case len(args) > 1:
		return usageError("", "one request ID is wanted, and there are %d", len(args))
	}
	return nil
}

func runHistoryShow(ctx context.Context, inv *invocation, o *historyShowOptions, args []string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	l, err := inv.existingLedger(ctx)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	var t store.Task
	switch {
	case o.last:
		t, err = inv.lastTask(ctx, l)
	case l == nil:
		err = usageError("", "%s is not in the ledger", args[0])
	default:
		t, err = inv.namedTask(ctx, l, args[0])
	}
	if err != nil {
		return err
	}
	d, err := history.Read(ctx, l, t)
	if err != nil {
		return err
	}
	if p.json {
		return p.Value(d.Document())
	}
	return p.Text(detailText(d, inv.app.start))
}

// forwardText says how a callback was passed on.
func forwardText(f store.Forward) string {
	target := term.OneLine(f.Target)
	switch f.State {
	case store.ForwardWaiting:
		return "waits to be passed on to " + target
	case store.ForwardFailed:
		return fmt.Sprintf("not passed on to %s after %d attempt%s, %s: %s", target, f.Attempts, plural(f.Attempts != 1), formatTime(f.EndedAt), term.OneLine(f.Failure))
	}
	return fmt.Sprintf("passed on to %s, %s", target, formatTime(f.EndedAt))
}

// detailText is what is kept of a task, for people: a name and a value a line.
func detailText(d history.Detail, now time.Time) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n             "))
	}
	t := d.Task
	line("request ID", "%s", dash(term.OneLine(t.RequestID)))
	line("status", "%s", t.Status)
	line("dispatched", "%s (%s ago), by %s", formatTime(t.DispatchedAt), units.Age(now.Sub(t.DispatchedAt)), sourceName(t))
	if t.Cloud != "" {
		line("API", "%s", t.Cloud)
	}
	if !t.Open() {
		line("finished", "%s, as a %s told", formatTime(t.FinishedAt), dash(t.Way))
	}
	if t.Took > 0 {
		line("took", "%s", units.Round(t.Took))
	}
	if t.Prompt != "" {
		line("prompt", "%s", term.Visible(t.Prompt))
	}
	if d.Request != nil {
		line("request", "%s", d.Request)
	}
	if d.Result != nil {
		line("answer", "%s", term.Visible(answerText(d.Result)))
	}
	for i, c := range d.Callbacks {
		line(fmt.Sprintf("callback %d", i+1), "%s, %s, %s\n%s", formatTime(c.ReceivedAt), history.Accepted, c.Kind, headerText(c.Header))
		for _, f := range c.Forwards {
			line("", "%s", forwardText(f))
		}
	}
	for _, r := range d.Refusals {
		line("refused", "%s, with %d: %s\n%s", formatTime(r.ReceivedAt), r.StatusCode, r.Reason, headerText(r.Header))
	}
	return strings.TrimRight(b.String(), "\n")
}

func formatTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

func sourceName(t store.Task) string {
	switch {
	case t.Source == "callback" && t.Cloud != "":
		return "the request of another task, which was accepted twice"
	case t.Source == "callback":
		return "somebody else"
	}
	return "narada " + t.Source
}

func answerText(r *narada.Result) string {
	if data := r.Structured(); data != nil {
		return string(data)
	}
	return r.Text()
}

func headerText(h http.Header) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, name+": "+term.OneLine(strings.Join(h[name], ", ")))
	}
	return strings.Join(lines, "\n")
}
