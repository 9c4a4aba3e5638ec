package cmd

import (
	"fmt"
	"log/slog"

	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/units"
)

// This file words the events of endpoints and of forwarding as log records.

// receiveEvents logs the events of an endpoint. With show it shows the credentials that a
// callback must have.
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
			inv.log.Warn("not-printed", "not all callbacks could be printed before the end: narada history has them")
		default:
			logCallbackEvent(inv, e)
		}
	}
}

// logCallbackEvent logs an event of one callback.
func logCallbackEvent(inv *invocation, event receive.Event) {
	switch e := event.(type) {
	case receive.Refused:
		if e.Times > 0 {
			inv.log.Warn("refused", fmt.Sprintf("refused a callback with %d: %s%s", e.StatusCode, term.OneLine(e.Reason.Error()), repeated(e.Times)), slog.Any("status", e.StatusCode))
			return
		}
		inv.log.Detail("refused", fmt.Sprintf("refused a %s with %d: %s", term.OneLine(e.Method), e.StatusCode, term.OneLine(e.Reason.Error())), slog.Any("status", e.StatusCode))
	case receive.NotStored:
		warnWithHint(inv, "not-stored", repeated(e.Times), fmt.Errorf("callback not acknowledged: %w", e.Err))
	case receive.FilteredOut:
		if e.Err == nil {
			inv.log.Detail("filter", term.OneLine(e.RequestID)+": stored; does not match --filter")
			return
		}
		inv.log.Warn("filter", term.OneLine(e.RequestID)+": stored, but not printed or forwarded: --filter: "+e.Err.Error(), requestField(e.RequestID))
	case receive.Accepted:
		if e.Further {
			inv.log.Info("further", term.OneLine(e.RequestID)+": another callback, with a different body", requestField(e.RequestID))
		}
		inv.log.Detail("callback", term.OneLine(e.RequestID)+": callback accepted")
	}
}

// repeated says how often the same happened since it was reported.
func repeated(times int) string {
	if times == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d since the last warning)", times)
}

// logForwardEvent logs an event of forwarding.
func logForwardEvent(inv *invocation, event forward.Event) {
	log := inv.log
	switch e := event.(type) {
	case forward.Waiting:
		log.Info("waiting", fmt.Sprintf("forwarding %s from earlier to %s", units.Count(e.Count, "callback"), e.Target))
	case forward.Forwarded:
		if forward.IsCommand(e.Target) {
			log.Detail("ran", term.OneLine(e.RequestID)+": "+e.Target+" succeeded")
			return
		}
		log.Detail("forwarded", fmt.Sprintf("%s: forwarded to %s: answered %d in %s", term.OneLine(e.RequestID), e.Target, e.Result.StatusCode, units.Round(e.Result.Took)))
	case forward.NotForwarded:
		log.Warn("not-forwarded", fmt.Sprintf("%s: not forwarded to %s: %s", term.OneLine(e.RequestID), e.Target, notForwarded(e.Result)),
			requestField(e.RequestID), slog.Any("attempts", e.Result.Attempts))
	case forward.TargetDown:
		log.Warn("target-down", fmt.Sprintf("%s does not accept callbacks: %s; retrying", e.Target, e.Attempt.Kind()))
	case forward.TargetUp:
		log.Info("target-back", e.Target+" accepts callbacks again")
	case forward.StoreFailed:
		inv.warnOfLedger(e.Err, "forwarding to "+e.Target+" waits")
	case forward.CommandBusy:
		log.Warn("waiting", e.Target+": waiting for the command of an earlier listen to end")
	case forward.Finishing:
		log.Info("finishing", "finishing the callback to "+e.Target+": press Ctrl-C again to quit")
	case forward.Remaining:
		if e.Err != nil {
			log.Warn("ledger", e.Err.Error())
			return
		}
		log.Warn("waiting", fmt.Sprintf("%s not forwarded yet to %s: the next narada listen with this target resumes", units.Count(e.Count, "callback"), e.Target))
	}
}

// notForwarded says why a callback was not forwarded.
func notForwarded(r forward.Result) string {
	reason := r.Failure
	if r.StatusCode != 0 {
		reason = fmt.Sprintf("answered %d", r.StatusCode)
	}
	if r.StatusCode/100 == 3 {
		reason += ", a redirect, which is not followed"
	}
	if r.Permanent {
		return reason + "; not retried"
	}
	return reason + " after " + units.Count(r.Attempts, "attempt")
}
