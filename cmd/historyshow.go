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
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

func newHistoryShow(inv *invocation) *cobra.Command {
	var out outputFlags
	var last bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show all that the ledger has of a task",
		Long: `show prints what the ledger has of a task: the request, with its secrets masked; each
callback that arrived for it; refused callbacks, without their bodies; and its answer.`,
		Example: `  narada history show req_abc123def456
  narada history show --last -o json --jq '.callbacks[].receivedAt'`,
		Args: func(_ *cobra.Command, args []string) error { return oneTask(args, last) },
		RunE: inv.printing(&out, func(ctx context.Context, p *printer, args []string) error { return runHistoryShow(ctx, inv, p, args) }),
	}
	addLast(cmd, &last)
	out.add(cmd)
	return cmd
}

// addLast adds --last, which selects the newest task.
func addLast(cmd *cobra.Command, last *bool) {
	cmd.Flags().BoolVar(last, "last", false, "use the newest task that has a request ID")
}

// oneTask checks that one task is named, by its ID or by --last.
func oneTask(args []string, last bool) error {
	if last {
		return usage.OneWay(usage.Way{Name: "--last", Given: last}, usage.Way{Name: "an ID", Given: len(args) > 0})
	}
	return usage.OneArg("ID", "list the tasks: narada history; or use --last for the newest")(nil, args)
}

// runHistoryShow shows the task with the ID, or without one the newest.
func runHistoryShow(ctx context.Context, inv *invocation, p *printer, args []string) error {
	l, err := inv.existingLedger(ctx)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	tasks, err := namedTasks(ctx, inv, selector(l), args)
	if err != nil {
		return err
	}
	d, err := history.Read(ctx, l, tasks[0])
	if err != nil {
		return err
	}
	return p.Print(d.Document(), detailText(d, inv.app.start))
}

// forwardText says whether a callback was forwarded.
func forwardText(f store.Forward) string {
	target := term.OneLine(secret.MaskURLs(f.Target))
	switch f.State {
	case store.ForwardWaiting:
		return "waiting to be forwarded to " + target
	case store.ForwardFailed:
		return fmt.Sprintf("not forwarded to %s after %s, %s: %s", target, units.Count(f.Attempts, "attempt"), formatTime(f.EndedAt), term.OneLine(f.Failure))
	}
	return fmt.Sprintf("forwarded to %s, %s", target, formatTime(f.EndedAt))
}

// detailText is what the ledger has of a task: a name and a value on each line.
func detailText(d history.Detail, now time.Time) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, strings.ReplaceAll(value, "\n", "\n             "))
		}
	}
	t := d.Task
	line("request ID", dash(term.OneLine(t.RequestID)))
	line("status", string(t.Status))
	line("dispatched", fmt.Sprintf("%s (%s ago), by %s", formatTime(t.DispatchedAt), units.Age(now.Sub(t.DispatchedAt)), sourceName(t)))
	line("machine", term.OneLine(t.Machine))
	line("API", t.Cloud)
	if !t.Open() {
		line("finished", formatTime(t.FinishedAt)+map[string]string{"callback": " (from its callback)", "poll": " (from polling)"}[t.Way])
	}
	if t.Took > 0 {
		line("took", units.Round(t.Took).String())
	}
	line("prompt", term.Visible(t.Prompt))
	line("request", string(d.Request))
	if d.Result != nil {
		line("answer", dash(term.Visible(answerText(d.Result))))
	}
	for i, c := range d.Callbacks {
		line(fmt.Sprintf("callback %d", i+1), fmt.Sprintf("%s, %s, %s\n%s", formatTime(c.ReceivedAt), history.Accepted, c.Kind, headerText(c.Header)))
		for _, f := range c.Forwards {
			line("", forwardText(f))
		}
	}
	for _, r := range d.Refusals {
		line("refused", fmt.Sprintf("%s, with %d: %s\n%s", formatTime(r.ReceivedAt), r.StatusCode, r.Reason, headerText(r.Header)))
	}
	return strings.TrimRight(b.String(), "\n")
}

func sourceName(t store.Task) string {
	switch {
	case t.Source == "callback" && t.Cloud != "":
		return "a request that the API accepted twice"
	case t.Source == "callback":
		return "another program"
	}
	return "narada " + t.Source
}

func headerText(h http.Header) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, name+": "+term.OneLine(strings.Join(h[name], ", ")))
	}
	return strings.Join(lines, "\n")
}
