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
			inv.log.Info("waiting", fmt.Sprintf("forwarding %s from earlier to %s", quantity(e.Count, "callback"), e.Target))
		case forward.Forwarded:
			if forward.IsCommand(e.Target) {
				inv.log.Detail("ran", term.OneLine(e.RequestID)+": "+e.Target+" succeeded")
				return
			}
			inv.log.Detail("forwarded", fmt.Sprintf("%s: forwarded to %s: answered %d in %s", term.OneLine(e.RequestID), e.Target, e.Result.StatusCode, units.Round(e.Result.Took)))
		case forward.NotForwarded:
			inv.log.Warn("not-forwarded", fmt.Sprintf("%s: not forwarded to %s: %s; not retried", term.OneLine(e.RequestID), e.Target, e.Failure), slog.Any("requestId", e.RequestID))
		case forward.TargetDown:
			inv.log.Warn("target-down", fmt.Sprintf("%s does not accept callbacks: %s; retrying", e.Target, e.Attempt.Kind()))
		case forward.TargetUp:
			inv.log.Info("target-back", e.Target+" accepts callbacks again")
		case forward.Finishing:
			inv.log.Info("finishing", "finishing the callback to "+e.Target+": press Ctrl-C again to quit")
		case forward.Remaining:
			if e.Err != nil {
				inv.log.Warn("ledger", e.Err.Error())
				return
			}
			inv.log.Warn("waiting", fmt.Sprintf("%s not forwarded yet to %s: the next narada listen with this target resumes", quantity(e.Count, "callback"), e.Target))
		}
	}
}
