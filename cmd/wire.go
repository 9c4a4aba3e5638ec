package cmd

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// engineOptions returns the options of an engine for the command called source. kept
// is nil for a command without a ledger.
func engineOptions(inv *invocation, source string, c *cloud, kept *sqlite.Store) await.Options {
	o := await.Options{
		Client: &maskedClient{c.client, inv.log}, Source: source, Machine: inv.app.Machine, Cloud: c.baseURL.String(),
		PollInterval: inv.duration(config.PollInterval), Report: func(e await.Event) { logAwaitEvent(inv, e) },
	}
	if kept != nil {
		o.Store = kept
	}
	return o
}

// openEngine opens an engine and, unless t is nil, the endpoint for its callbacks.
// Unless via is "callback", it falls back to polling when the endpoint fails.
func openEngine(ctx context.Context, inv *invocation, o await.Options, kept *sqlite.Store, t *tunnel.Config, via string) (*await.Engine, func(), error) {
	var e *tunnel.Endpoint
	if t != nil {
		var err error
		if e, err = openOptional(ctx, inv, *t, via == "callback"); err != nil {
			return nil, nil, err
		}
	}
	engine := await.New(o)
	if e == nil {
		return engine, engine.Close, nil
	}
	receiving := receive.Options{Sink: receive.Once(engine), Random: inv.app.Random, Refused: receive.NoteRefused(nil, receiveEvents(inv, false))}
	if kept != nil {
		receiving.Sink, receiving.Tickets, receiving.Refused = engine, kept, receive.NoteRefused(kept, receiveEvents(inv, false))
	}
	server := receive.Open(e, receiving)
	engine.Listen(&maskedEndpoint{server, inv.masker})
	var following sync.WaitGroup
	open, closed := context.WithCancel(context.Background())
	following.Go(func() {
		changes := map[tunnel.EventKind]await.EndpointEvent{
			tunnel.Lost: await.EndpointLost, tunnel.Back: await.EndpointBack, tunnel.Stopped: await.EndpointClosed,
		}
		receive.Follow(open, e.Events(), func(event tunnel.Event) { engine.Endpoint(changes[event.Kind], event.Err) })
	})
	return engine, func() {
		inv.closeInbox(server)
		closed()
		following.Wait()
		engine.Close()
	}, nil
}

// openOptional opens the endpoint. If it is not needed, opening it leaves time for
// polling, and a failure is a warning.
func openOptional(ctx context.Context, inv *invocation, t tunnel.Config, needed bool) (*tunnel.Endpoint, error) {
	limit := openLimit
	if !needed {
		limit = openLimitAuto
		if deadline, ok := ctx.Deadline(); ok {
			limit = min(limit, time.Until(deadline)/2)
		}
	}
	e, err := inv.openEndpoint(ctx, t, limit)
	failure, isTunnel := errors.AsType[*tunnel.Error](err)
	switch {
	case err == nil:
		return e, nil
	case ctx.Err() != nil:
		return nil, &exitError{code: codeEndpoint, text: cause(context.Cause(ctx)) + ": nothing was sent", err: err}
	case isTunnel && !needed:
		inv.log.Warn("endpoint", failure.Error()+"; falling back to polling")
		return nil, nil
	}
	return nil, err
}

// maskedEndpoint masks the secrets of its tickets until they are withdrawn.
type maskedEndpoint struct {
	*receive.Server
	masker *secret.Masker
}

// Issue implements await.Endpoint.
func (m *maskedEndpoint) Issue() (webhook.Ticket, error) {
	t, err := m.Server.Issue()
	m.masker.Hide(ticketSecrets(t)...)
	return t, err
}

// Withdraw implements await.Endpoint.
func (m *maskedEndpoint) Withdraw(t webhook.Ticket) {
	m.Server.Withdraw(t)
	m.masker.Forget(ticketSecrets(t)...)
}

// maskedClient logs, for -v, what is sent and received. It masks the API's reason for
// refusing a request, which may repeat the request's secrets.
type maskedClient struct {
	*narada.Client
	log *term.Reporter
}

// Dispatch implements await.Client.
func (c *maskedClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	if c.log.Verbose() {
		if body, err := r.Masked().MarshalJSON(); err == nil {
			c.log.Detail("sent", "sending "+string(body))
		}
	}
	id, err := c.Client.Dispatch(ctx, r)
	if refusal, ok := errors.AsType[*narada.APIError](err); ok {
		refusal.Detail = c.log.Mask(refusal.Detail)
	}
	return id, err
}

// Status implements await.Client.
func (c *maskedClient) Status(ctx context.Context, id string) (*narada.Result, error) {
	r, err := c.Client.Status(ctx, id)
	if err == nil && c.log.Verbose() {
		c.log.Detail("received", "received "+term.OneLine(string(r.Raw())))
	}
	return r, err
}

// transport returns a new transport for calls.
func (inv *invocation) transport() *http.Transport { return network.Transport(inv.app.getenv) }

// loggedTransport is a transport that logs the calls for -v.
func (inv *invocation) loggedTransport() http.RoundTripper {
	return network.Logged(inv.transport(), inv.log.Detail)
}
