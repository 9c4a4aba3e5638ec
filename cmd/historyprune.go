package cmd

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

func newHistoryPrune(inv *invocation) *cobra.Command {
	var limits store.Limits
	var olderThan string
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete old tasks from the ledger",
		Long: `prune deletes tasks with their callbacks, and frees their disk space. It keeps tasks
that have not finished, unless --open is given.`,
		Example: `  narada history prune --older-than 30d
  narada history prune --keep 10000`,
		Args: usage.NoArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) (err error) {
			switch keep := cmd.Flags().Changed("keep"); {
			case olderThan == "" && !keep:
				return usage.Errorf("narada history prune --older-than 30d", "specify --older-than or --keep")
			case keep && limits.Keep < 1:
				return usage.AtLeast("keep", limits.Keep, 1)
			}
			if limits.Before, err = usage.Time("older-than", olderThan, inv.app.start); err != nil {
				return err
			}
			return runHistoryPrune(cmd.Context(), inv, limits)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&olderThan, "older-than", "", "delete tasks dispatched more than this `DURATION` ago (24h, 30d), or before a date")
	f.IntVar(&limits.Keep, "keep", 0, "delete all but the newest `N` tasks")
	f.BoolVar(&limits.Open, "open", false, "also delete tasks that have not finished, or have a callback to be forwarded")
	return cmd
}

func runHistoryPrune(ctx context.Context, inv *invocation, limits store.Limits) error {
	l, err := inv.existingLedger(ctx)
	if l == nil {
		return inv.nothingKept(err)
	}
	defer inv.closeLedger(l)
	count, err := l.Prune(ctx, limits)
	if err != nil {
		return err
	}
	inv.log.Info("pruned", fmt.Sprintf("deleted %s; ledger size: %s", units.Count(count, "task"), units.Size(l.Size())),
		slog.Any("tasks", count), slog.Any("bytes", l.Size()))
	return nil
}
