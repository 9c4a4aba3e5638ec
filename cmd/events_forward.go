package cmd

import (
	"fmt"
	"log/slog"

	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// forwardEvents words the events of forwarding.
func forwardEvents(inv *invocation) func(forward.Event) {
	return func(event forward.Event) {
		switch e := event.(type) {
		case forward.Waiting:
			inv.log.Info("waiting", fmt.Sprintf("%d callback%s from earlier %s for %s", e.Count, plural(e.Count != 1), verb(e.Count, "waits", "wait"), e.Target))
		case forward.Forwarded:
			if forward.IsCommand(e.Target) {
				inv.log.Detail("ran", e.Target+" has dealt with "+term.OneLine(e.RequestID))
				return
			}
			inv.log.Detail("forwarded", fmt.Sprintf("%s was passed on to %s: %d in %s", term.OneLine(e.RequestID), e.Target, e.Result.StatusCode, units.Round(e.Result.Took)))
		case forward.NotForwarded:
			inv.log.Warn("not-forwarded", fmt.Sprintf("%s was given up for %s: %s", term.OneLine(e.RequestID), e.Target, e.Failure), slog.Any("requestId", e.RequestID))
		case forward.TargetDown:
			inv.log.Warn("target-down", fmt.Sprintf("%s does not take callbacks: %s; trying again", e.Target, e.Attempt.Kind()))
		case forward.TargetUp:
			inv.log.Info("target-back", e.Target+" takes callbacks again")
		case forward.Finishing:
			inv.log.Info("finishing", "waiting for what is under way to "+e.Target+": Ctrl-C again leaves it")
		case forward.Remaining:
			if e.Err != nil {
				inv.log.Warn("ledger", e.Err.Error())
				return
			}
			inv.log.Warn("waiting", fmt.Sprintf("%d callback%s %s for %s: the next narada listen that passes callbacks on to it goes on with %s",
				e.Count, plural(e.Count != 1), verb(e.Count, "waits", "wait"), e.Target, verb(e.Count, "it", "them")))
		}
	}
}
