package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

func newStore(inv *invocation) *cobra.Command {
	cmd := usage.Group("store", "Check the ledger, and say what is in it",
		"The store keeps the ledger: what was dispatched, and what came back.")
	cmd.AddCommand(newStoreCheck(inv), newStoreInfo(inv), newStoreCopy(inv))
	return cmd
}

func newStoreCheck(inv *invocation) *cobra.Command {
	var out outputFlags
	run := withLedger(inv, &out, "ledger", func(ctx context.Context, p *printer, l store.Ledger) error {
		return runStoreCheck(ctx, inv, p, l)
	})
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check whether the ledger is intact",
		Long: `check reads the whole ledger and prints what is damaged, in a line each: in the
database, and in the requests, answers and callbacks that it stores. If anything is
damaged, it exits with 3.`,
		Example: `  narada store check
  narada store check -o json --jq .damage`,
		Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := run(cmd, args)
			if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Damaged() { // too much so to be read
				return &exitError{code: codeFailed, text: e.Error(), next: e.Hint(), err: e}
			}
			return err
		},
	}
	out.add(cmd)
	return cmd
}

func runStoreCheck(ctx context.Context, inv *invocation, p *printer, l store.Ledger) error {
	hide := inv.log.Wait("check", "reading "+units.Size(l.Size()))
	damages, err := l.Check(ctx)
	hide()
	if err != nil {
		return err
	}
	for _, damage := range damages {
		document := struct {
			Damage string `json:"damage"`
		}{damage}
		if err := p.Print(document, damage); err != nil {
			return err
		}
	}
	if len(damages) > 0 {
		return &exitError{code: codeFailed, text: "the ledger is damaged", next: sqlite.DamageHint}
	}
	inv.log.Info("check", "the ledger is intact: "+units.Size(l.Size()))
	return nil
}

func newStoreInfo(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Print where the ledger is, its size, and how much is in it",
		Example: `  narada store info
  narada store info -o json --jq .bytes`,
		Args: usage.NoArgs,
		RunE: withLedger(inv, &out, "ledger", func(ctx context.Context, p *printer, l store.Ledger) error {
			info, err := l.Info(ctx)
			if err != nil {
				return err
			}
			return p.Print(info, infoText(info))
		}),
	}
	out.add(cmd)
	return cmd
}

// infoText words what a ledger is and has, in lines.
func infoText(i store.Info) string {
	oldest := ""
	if !i.Oldest.IsZero() {
		oldest = ", since " + formatTime(i.Oldest)
	}
	return strings.Join([]string{
		"location   " + i.Location,
		fmt.Sprintf("engine     %s, schema %d", i.Engine, i.Schema),
		"size       " + units.Size(i.Bytes),
		fmt.Sprintf("tasks      %d, %d unfinished%s", i.Tasks, i.Open, oldest),
		fmt.Sprintf("callbacks  %d, %d waiting to be forwarded, %d not forwarded, %d refused", i.Callbacks, i.Waiting, i.NotForwarded, i.Refused),
		fmt.Sprintf("batches    %d, with %s", i.Batches, units.Count(i.Lines, "line")),
	}, "\n")
}
