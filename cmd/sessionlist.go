package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/session"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

func newSessionList(inv *invocation) *cobra.Command {
	var out outputFlags
	var running bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the cloud browser sessions in the ledger",
		Long: `list prints the cloud browser sessions that were started by session start or run
--new-session, the newest first: ID, age, status, browser window and name. On a
terminal it prints a table, with the machines that started them if there are several;
elsewhere it prints a line for each session, with tabs between the columns, or with
-o json an object. The API is not asked.

The statuses are those with which a session was stopped, and: open (it was not
stopped from here), expired (its timeout is over), ended (it had ended before it was
to be stopped) and unknown (no answer came to its start: it may be running).`,
		Example: `  # stop all that may be running
  narada session list --open --jq '.sessionId // empty' | xargs -r narada session stop`,
		Args: usage.NoArgs,
		RunE: withLedger(inv, &out, "sessions", func(ctx context.Context, p *printer, l store.Ledger) error {
			return runSessionList(ctx, inv, p, l, running, limit)
		}),
	}
	cmd.Flags().BoolVar(&running, "open", false, "list sessions that may be running")
	cmd.Flags().IntVar(&limit, "limit", 30, "list at most `N` sessions; 0 lists all")
	out.add(cmd)
	return cmd
}

func runSessionList(ctx context.Context, inv *invocation, p *printer, l store.Ledger, running bool, limit int) error {
	if err := usage.AtLeast("limit", limit, 0); err != nil {
		return err
	}
	found, more, err := session.List(ctx, l, inv.app.start, running, limit)
	list := output.NewList(p, inv.app.stdoutWidth, "SESSION", "AGE", "STATUS", "MACHINE", "WINDOW", "NAME")
	list.Varying = 3
	for _, d := range found {
		if err = list.Add(d, dash(term.OneLine(d.ID)), units.Age(inv.app.start.Sub(d.StartedAt)), d.Status, dash(term.OneLine(d.Machine)), dash(term.OneLine(d.Window)), dash(term.OneLine(d.Name))); err != nil {
			break
		}
	}
	if err := list.Finish(err); err != nil {
		return err
	}
	switch {
	case list.Count == 0 && running:
		inv.log.Info("session", "no sessions match")
	case list.Count == 0:
		inv.log.Info("session", "no sessions yet")
	case more:
		inv.log.Info("session", "only the newest are listed; --limit 0 lists all")
	}
	return nil
}
