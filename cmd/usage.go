package cmd

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

func newUsage(inv *invocation) *cobra.Command {
	var out outputFlags
	var by history.UsageBy
	var since string
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Count tasks, actions and credits by day, agent or batch",
		Long: `usage counts the tasks in the ledger that were dispatched, those that succeeded, and
the actions and credits that the cloud reported for them. Samples do not count.

On a terminal it prints a table; elsewhere it prints a line for each day, agent or
batch, with tabs between the columns, or with -o json an object. The sum is on stderr.

Days are those of this machine's time zone.`,
		Example: `  narada usage --since 30d
  narada usage --by agent -o json --jq '[.agent, .credits]'`,
		Args: usage.NoArgs,
		RunE: inv.printing(&out, func(ctx context.Context, p *printer, _ []string) error {
			after, err := usage.Time("since", since, inv.app.start)
			if err != nil {
				return err
			}
			l, err := inv.existingLedger(ctx)
			if l == nil {
				return nothingKept(inv, "tasks", err)
			}
			defer inv.closeLedger(l)
			list, err := history.Usage(ctx, l, after, by, time.Local)
			if err != nil {
				return err
			}
			return printUsage(inv, p, by, list)
		}),
	}
	f := cmd.Flags()
	f.Var(usage.Choice(&by, history.ByDay, history.ByDay, history.ByAgent, history.ByBatch), "by", "count by `WHAT`")
	f.StringVar(&since, "since", "", "count tasks dispatched within this `DURATION` (24h, 30d), or since a date")
	out.add(cmd)
	return cmd
}

func printUsage(inv *invocation, p *printer, by history.UsageBy, list []store.Usage) error {
	header := map[history.UsageBy]string{history.ByDay: "DAY", history.ByAgent: "AGENT", history.ByBatch: "BATCH"}
	table := output.NewList(p, inv.app.stdoutWidth, header[by], "TASKS", "SUCCESS", "ACTIONS", "CREDITS")
	for _, u := range list {
		name := dash(term.OneLine(u.Name))
		if by == history.ByDay {
			name = u.At.Format(time.DateOnly)
		}
		err := table.Add(history.UsageDocument{By: by, Usage: u}, name, strconv.Itoa(u.Tasks.Sent()), strconv.Itoa(u.Tasks[narada.StatusSuccess]),
			strconv.FormatInt(u.Actions, 10), units.Credits(u.Credits))
		if err != nil {
			return err
		}
	}
	if err := table.Finish(nil); err != nil {
		return err
	}
	if len(list) == 0 {
		inv.log.Info("usage", "no tasks match")
		return nil
	}
	sum := history.Sum(list...)
	inv.log.Info("usage", units.Count(sum.Tasks.Sent(), "task")+", "+units.Count(sum.Actions, "action")+", "+units.Count(sum.Credits, "credit"))
	return nil
}
