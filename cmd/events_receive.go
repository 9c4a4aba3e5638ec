package cmd

import (
	"fmt"
	"log/slog"

	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// receiveEvents words the events of an endpoint. With show a person is told what a
// callback must show.
func receiveEvents(inv *invocation, show bool) func(receive.Event) {
	return func(event receive.Event) {
		switch e := event.(type) {
		case receive.CloseFailed:
			inv.log.Detail("endpoint", "closing the endpoint: "+e.Err.Error())
		case receive.NotReady:
			inv.log.Warn("not-ready", "the address does not answer yet, from here: "+errorText(e.Err))
			inv.log.Info("not-ready", "listening, not ready yet, on "+e.URL, slog.Any("url", e.URL))
			sayTicket(inv, show, e.Ticket)
		case receive.Ready:
			if e.Late {
				inv.log.Info("ready", "the address answers now", slog.Any("url", e.URL))
				return
			}
			inv.log.Info("ready", "listening on "+e.URL, slog.Any("url", e.URL))
			sayTicket(inv, show, e.Ticket)
		case receive.TunnelChanged:
			if e.Kind == tunnel.Back {
				inv.log.Info("tunnel-back", "the tunnel is back")
				return
			}
			inv.log.Warn("tunnel-lost", "the tunnel is lost: callbacks cannot come in until it is back")
		case receive.NotPrinted:
			inv.log.Warn("not-printed", "nobody reads stdout: narada history has the callbacks that were not printed")
		default:
			callbackEvent(inv, e)
		}
	}
}

// callbackEvent words an event of one callback.
func callbackEvent(inv *invocation, event receive.Event) {
	switch e := event.(type) {
	case receive.Refused:
		inv.log.Detail("refused", fmt.Sprintf("a %s was refused with %d: %s", term.OneLine(e.Method), e.StatusCode, term.OneLine(e.Reason.Error())), slog.Any("status", e.StatusCode))
	case receive.NotStored:
		inv.log.Warn("not-stored", "a callback was not acknowledged: "+e.Err.Error())
	case receive.FilteredOut:
		if e.Err == nil {
			inv.log.Detail("filter", term.OneLine(e.RequestID)+" is kept, and not what --filter asks for")
			return
		}
		inv.log.Warn("filter", term.OneLine(e.RequestID)+" is kept, and neither printed nor passed on: "+e.Err.Error(), slog.Any("requestId", e.RequestID))
	case receive.Accepted:
		if e.Further {
			inv.log.Info("further", term.OneLine(e.RequestID)+": a further callback, with another body than the one before", slog.Any("requestId", e.RequestID))
		}
		inv.log.Detail("callback", "a callback for "+term.OneLine(e.RequestID)+" was accepted")
	}
}

// sayTicket says what a callback must show, if a person is to see it.
func sayTicket(inv *invocation, show bool, t webhook.Ticket) {
	if !show {
		return
	}
	inv.log.Reveal("secret", "callbackSecret "+t.Secret)
	for name := range t.Header {
		inv.log.Reveal("header", "callbackHeaders "+name+": "+t.Header.Get(name))
	}
}
