package cmd

import (
	"fmt"
	"log/slog"

	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/webhook"
)

// receiveEvents words the events of an endpoint. With show it shows the credentials that
// a callback must have.
func receiveEvents(inv *invocation, show bool) func(receive.Event) {
	return func(event receive.Event) {
		switch e := event.(type) {
		case receive.CloseFailed:
			inv.log.Detail("endpoint", "closing the endpoint: "+e.Err.Error())
		case receive.NotReady:
			inv.log.Warn("not-ready", "the address does not answer yet from this machine: "+errorText(e.Err))
			inv.log.Info("not-ready", "listening on "+e.URL+", not ready yet", slog.Any("url", e.URL))
			showTicket(inv, show, e.Ticket)
		case receive.Ready:
			if e.Late {
				inv.log.Info("ready", "the address answers now", slog.Any("url", e.URL))
				return
			}
			inv.log.Info("ready", "listening on "+e.URL, slog.Any("url", e.URL))
			showTicket(inv, show, e.Ticket)
		case receive.TunnelChanged:
			if e.Kind == tunnel.Back {
				inv.log.Info("tunnel-back", "the tunnel is back")
				return
			}
			inv.log.Warn("tunnel-lost", "the tunnel is lost: no callbacks arrive until it is back")
		case receive.NotPrinted:
			inv.log.Warn("not-printed", "stdout is not read: narada history has the callbacks that were not printed")
		default:
			callbackEvent(inv, e)
		}
	}
}

// callbackEvent words an event of one callback.
func callbackEvent(inv *invocation, event receive.Event) {
	switch e := event.(type) {
	case receive.Refused:
		inv.log.Detail("refused", fmt.Sprintf("refused a %s with %d: %s", term.OneLine(e.Method), e.StatusCode, term.OneLine(e.Reason.Error())), slog.Any("status", e.StatusCode))
	case receive.NotStored:
		inv.log.Warn("not-stored", "callback not acknowledged: "+e.Err.Error())
	case receive.FilteredOut:
		if e.Err == nil {
			inv.log.Detail("filter", term.OneLine(e.RequestID)+": stored; does not match --filter")
			return
		}
		inv.log.Warn("filter", term.OneLine(e.RequestID)+": stored, but not printed or forwarded: --filter: "+e.Err.Error(), slog.Any("requestId", e.RequestID))
	case receive.Accepted:
		if e.Further {
			inv.log.Info("further", term.OneLine(e.RequestID)+": another callback, with a different body", slog.Any("requestId", e.RequestID))
		}
		inv.log.Detail("callback", term.OneLine(e.RequestID)+": callback accepted")
	}
}

// showTicket shows the credentials that a callback must have.
func showTicket(inv *invocation, show bool, t webhook.Ticket) {
	if !show {
		return
	}
	inv.log.Reveal("secret", "callbackSecret "+t.Secret)
	for name := range t.Header {
		inv.log.Reveal("header", "callbackHeaders "+name+": "+t.Header.Get(name))
	}
}

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
			reason, end := e.Result.Failure, "; not retried"
			if e.Result.StatusCode != 0 {
				reason = fmt.Sprintf("answered %d", e.Result.StatusCode)
			}
			if !e.Result.Permanent {
				end = " after " + quantity(e.Result.Attempts, "attempt")
			}
			inv.log.Warn("not-forwarded", fmt.Sprintf("%s: not forwarded to %s: %s%s", term.OneLine(e.RequestID), e.Target, reason, end),
				slog.Any("requestId", e.RequestID), slog.Any("attempts", e.Result.Attempts))
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
