package cmd

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/ui"
)

// cloud is the API that a command calls.
type cloud struct {
	client  *narada.Client
	baseURL *url.URL
}

// baseURL returns the address of the API in the settings.
func baseURL(inv *invocation) (*url.URL, error) {
	setting := inv.settings.Get(config.BaseURL)
	base, err := narada.ParseBaseURL(setting.Text)
	if err != nil {
		return nil, setting.Invalid(err)
	}
	return base, nil
}

// cloud returns the API that the settings name.
func (inv *invocation) cloud(options ...narada.Option) (*cloud, error) {
	base, err := baseURL(inv)
	if err != nil {
		return nil, err
	}
	key := inv.settings.Secret(config.APIKey)
	if key.Empty() {
		return nil, inv.settings.NoKey(output.ShellWord)
	}
	c, err := newCloud(inv, key, base, options...)
	if err != nil {
		return nil, inv.settings.Get(config.APIKey).Invalid(err)
	}
	return c, nil
}

func newCloud(inv *invocation, key secret.String, base *url.URL, options ...narada.Option) (*cloud, error) {
	client, err := narada.NewClient(key.Reveal(), append(options, narada.WithBaseURL(base.String()),
		narada.WithTransport(loggedTransport(inv)), narada.WithUserAgent("narada-cli/"+inv.app.Build.version()), narada.WithMask(inv.masker.MaskHTTP),
		narada.WithPresigned(func(address string) {
			signatures := secret.InURLs(address)
			inv.masker.Hide(signatures...)
			inv.masker.Forget(signatures...) // it is used once, and masked until long after
		}))...)
	return &cloud{client, base}, err
}

// engineOptions returns the options of an engine for the command called source. kept
// is nil for a command without a ledger.
func engineOptions(inv *invocation, source string, c *cloud, kept store.Ledger) await.Options {
	var client await.Client = c.client
	if inv.log.Verbose() {
		client = &await.LoggedClient{Client: client, Log: func(event, text string) { inv.log.Detail(event, term.OneLine(text)) }}
	}
	o := await.Options{
		Client: client, Source: source, Machine: inv.app.Machine, Cloud: c.baseURL.String(),
		PollInterval: inv.duration(config.PollInterval), Report: func(e await.Event) { logAwaitEvent(inv, e) },
	}
	if kept != nil {
		o.Store = kept
	}
	return o
}

// openEngine opens an engine and, unless t is nil, the endpoint for its callbacks.
// Unless a.via is "callback", it falls back to polling when the endpoint fails.
func openEngine(ctx context.Context, inv *invocation, o await.Options, kept store.Ledger, t *tunnel.Config, a *answerFlags) (*await.Engine, func(), error) {
	if name, ok := a.listener(); ok {
		return openListenerEngine(ctx, inv, o, kept, name)
	}
	var e *tunnel.Endpoint
	if t != nil {
		var err error
		if e, err = openOptional(ctx, inv, *t, a.via == "callback"); err != nil {
			return nil, nil, err
		}
	}
	engine := await.New(o)
	if e == nil {
		return engine, engine.Close, nil
	}
	receiving := receive.Options{Sink: engine, MaxBody: a.maxBody, Random: inv.app.Random, Masker: inv.masker, Refused: receive.NoteRefused(nil, receiveEvents(inv, false))}
	if kept != nil {
		receiving.Tickets, receiving.Refused = kept, receive.NoteRefused(kept, receiveEvents(inv, false))
	}
	server := receive.Open(e, receiving)
	engine.Listen(&receive.Masked{Tickets: server, Masker: inv.masker})
	unfollow := follow(engine, func(ctx context.Context) {
		receive.Follow(ctx, e.Events(), func(event tunnel.Event) { engine.Endpoint(endpointEvents[event.Kind], event.Err) })
	})
	return engine, func() {
		inv.closeInbox(server)
		unfollow()
		engine.Close()
	}, nil
}

// openListenerEngine opens an engine whose callbacks are received by a running listener.
func openListenerEngine(ctx context.Context, inv *invocation, o await.Options, kept store.Ledger, name string) (*await.Engine, func(), error) {
	if kept == nil {
		return nil, nil, errNotVerified
	}
	l, in, err := findListener(ctx, inv, "--via", name, kept)
	if err == nil {
		err = reachable("--via", o.Cloud, l)
	}
	if err != nil {
		return nil, nil, err
	}
	report := o.Report
	o.Report = func(event await.Event) {
		if e, ok := event.(await.EndpointChanged); ok {
			logListenerEvent(inv, l.Name, e)
			return
		}
		report(event)
	}
	remote := &receive.Remote{Listener: l, Random: inv.app.Random, Running: func(ctx context.Context) ([]receive.Listener, error) {
		list, err := in.Running(ctx)
		return slices.DeleteFunc(list, func(l receive.Listener) bool { return reachable("--via", o.Cloud, l) != nil }), err
	}}
	engine := await.New(o)
	engine.Listen(&receive.Masked{Tickets: remote, Masker: inv.masker})
	unfollow := follow(engine, func(ctx context.Context) {
		remote.Watch(ctx, func(kind tunnel.EventKind) { engine.Endpoint(endpointEvents[kind], nil) })
	})
	return engine, func() {
		unfollow()
		engine.Close()
	}, nil
}

var endpointEvents = map[tunnel.EventKind]await.EndpointEvent{
	tunnel.Lost: await.EndpointLost, tunnel.Back: await.EndpointBack, tunnel.Stopped: await.EndpointClosed,
}

// follow runs a function, which tells the engine what happens to its endpoint, until stop is
// called.
func follow(engine *await.Engine, run func(context.Context)) (stop func()) {
	var following sync.WaitGroup
	open, closed := context.WithCancel(context.Background())
	following.Go(func() {
		err := panics.Catch(func() error {
			run(open)
			return nil
		})
		if err != nil {
			engine.Endpoint(await.EndpointClosed, err)
		}
	})
	return func() {
		closed()
		following.Wait()
	}
}

// openOptional opens the endpoint. If it is not needed, opening it leaves time for
// polling, and a failure is a warning.
func openOptional(ctx context.Context, inv *invocation, t tunnel.Config, needed bool) (*tunnel.Endpoint, error) {
	limit := receive.OpenLimit
	if !needed {
		limit = receive.OpenLimitAuto
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

// servePage serves the page of the ledger until stop is called. again is nil if it sends
// nothing.
func servePage(ctx context.Context, inv *invocation, l store.Ledger, name string, again replayer) (stop func(), err error) {
	page, err := newPage(inv, l, name, again)
	if err != nil {
		return nil, err
	}
	listener, err := ui.ListenNear(ui.DefaultAddr)
	if err != nil {
		return nil, pageAddressError(err)
	}
	var serving sync.WaitGroup
	open, closed := context.WithCancel(context.WithoutCancel(ctx))
	serving.Go(func() {
		err := panics.Catch(func() error {
			return page.Serve(open, listener, func(url string) error {
				inv.log.Info("page", "the page is at "+url)
				return nil
			})
		})
		if err != nil {
			inv.log.Warn("page", "the page has ended: "+err.Error())
		}
	})
	return func() {
		closed()
		serving.Wait()
	}, nil
}

// later returns a context that ends that long after ctx.
func later(ctx context.Context, pause time.Duration) context.Context {
	if pause == 0 {
		return ctx
	}
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(pause, end) })
	return late
}

// transport returns a new transport for calls.
func (inv *invocation) transport() *http.Transport { return network.Transport(inv.app.getenv) }

// targetTransport returns a function that returns a new transport for a target.
func (inv *invocation) targetTransport(t network.Target) func() *http.Transport {
	return func() *http.Transport { return t.Transport(inv.app.getenv) }
}

// loggedTransport is a transport that logs the calls for -v.
func loggedTransport(inv *invocation) http.RoundTripper {
	return network.Logged(inv.transport(), inv.log.Detail)
}
