package cmd

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
)

type historyPruneOptions struct {
	olderThan string
	keep      int
	open      bool
}

func newHistoryPrune(inv *invocation) *cobra.Command {
	var o historyPruneOptions
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Take old tasks out of the ledger",
		Long: `prune takes tasks out, with their callbacks, and gives the room on the disk back.
Tasks that have not finished stay, unless --open is given.`,
		Example: `  narada history prune --older-than 30d
  narada history prune --keep 10000`,
		Args: noArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error {
			limits, err := o.limits(inv, cmd.Flags().Changed("keep"))
			if err != nil {
				return err
			}
			return runHistoryPrune(cmd.Context(), inv, limits)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.olderThan, "older-than", "", "tasks that were dispatched more than this `time` ago, as 24h or 30d, or before a date")
	f.IntVar(&o.keep, "keep", 0, "all but the newest `N` tasks")
	f.BoolVar(&o.open, "open", false, "tasks too that have not finished, or have a callback that waits to be passed on")
	return cmd
}

func (o *historyPruneOptions) limits(inv *invocation, keeps bool) (limits store.Limits, err error) {
	switch {
	case o.olderThan == "" && !keeps:
		return limits, usageError("--older-than 30d, or --keep 10000", "nothing says what is to go")
	case keeps && o.keep < 1:
		return limits, usageError("", "--keep: %d is not a number of tasks", o.keep)
	}
	limits = store.Limits{Keep: o.keep, Open: o.open}
	if o.olderThan != "" {
		if limits.Before, err = parseSince(o.olderThan, inv.app.start); err != nil {
			return limits, usageError("", "--older-than: %v", err)
		}
	}
	return limits, nil
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
	inv.log.Info("pruned", fmt.Sprintf("%d task%s gone; the ledger takes %s now", count, map[bool]string{true: " is", false: "s are"}[count == 1], units.Size(l.Size())),
		slog.Any("tasks", count), slog.Any("bytes", l.Size()))
	return nil
}
