package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

type pruneOptions struct {
	limits    store.Limits
	olderThan string
	dryRun    bool
	yes       bool
}

func newHistoryPrune(inv *invocation) *cobra.Command {
	var o pruneOptions
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete old tasks from the ledger",
		Long: `prune deletes tasks with their callbacks, and frees their disk space. With both
--older-than and --keep it deletes what is old enough and not among the newest. It
keeps tasks that have not finished, unless --open is given.

It asks before it deletes. Where there is no terminal, --yes is needed. Without limits
it prints the size of the ledger and what some limits would delete.`,
		Example: `  narada history prune --older-than 30d --dry-run
  narada history prune --older-than 30d --keep 1000 --yes`,
		Args: usage.NoArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) (err error) {
			if cmd.Flags().Changed("keep") && o.limits.Keep < 1 {
				return usage.AtLeast("keep", o.limits.Keep, 1)
			}
			if o.limits.Before, err = usage.Time("older-than", o.olderThan, inv.app.start); err != nil {
				return err
			}
			return runHistoryPrune(cmd.Context(), inv, &o)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.olderThan, "older-than", "", "delete tasks dispatched more than this `DURATION` ago (24h, 30d), or before a date")
	f.IntVar(&o.limits.Keep, "keep", 0, "delete all but the newest `N` tasks")
	f.BoolVar(&o.limits.Open, "open", false, "also delete tasks that have not finished, or have a callback to be forwarded")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be deleted, and delete nothing")
	f.BoolVarP(&o.yes, "yes", "y", false, "delete without asking")
	return cmd
}

func runHistoryPrune(ctx context.Context, inv *invocation, o *pruneOptions) error {
	l, err := inv.existingLedger(ctx)
	if l == nil {
		return nothingKept(inv, "tasks", err)
	}
	defer inv.closeLedger(l)
	found, lines, err := history.Preview(ctx, l, o.limits, inv.app.start)
	if err != nil {
		return err
	}
	if o.limits.Keep == 0 && o.olderThan == "" {
		return printText(ctx, inv, strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		inv.log.Info("prunable", line)
	}
	switch {
	case o.dryRun:
		return printText(ctx, inv, "would delete "+history.Deleted(found))
	case found.Tasks > 0:
		if err := confirm(ctx, inv, "delete "+history.Deleted(found)+"?", o.yes, "--yes deletes without asking; --dry-run deletes nothing"); err != nil {
			return err
		}
	}
	count, err := l.Prune(ctx, o.limits)
	if err != nil {
		return err
	}
	inv.log.Info("pruned", fmt.Sprintf("deleted %s; ledger size: %s", units.Count(count, "task"), units.Size(l.Size())),
		slog.Any("tasks", count), slog.Any("bytes", l.Size()))
	return nil
}
