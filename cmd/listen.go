package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/inbox"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

type listenOptions struct {
	out       outputFlags
	catch     catchFlags
	callback  callbackFlags
	count     int
	timeout   time.Duration
	readyFile string
	showSec   bool
	maxBody   int64
}

func newListen(s *session) *cobra.Command {
	var o listenOptions
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Open a public HTTPS address and print every callback",
		Long: `listen opens a public HTTPS address (an ngrok tunnel, or one of your own) and
prints every genuine callback that arrives, one a line: request ID, status and
text, or with -o json all of it. A callback is acknowledged once it is printed.

It runs until it is interrupted, or until --count or --timeout ends it.`,
		Example: `  # for a script: wait for the address, use it, take one callback
  narada listen --count 1 --ready-file ready.json -o json > callback.json &
  until [ -e ready.json ]; do sleep 0.1; done
  jq -r .url ready.json

  # on your own machine, without a tunnel
  narada listen --local`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.load(cmd); err != nil {
				return err
			}
			return runListen(cmd.Context(), s, &o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.count, "count", 0, "stop after `N` callbacks")
	f.DurationVar(&o.timeout, "timeout", 0, "stop after this `time` (default: never)")
	f.StringVar(&o.readyFile, "ready-file", "", "write address, secret and headers to `file` once the address answers")
	f.BoolVar(&o.showSec, "show-secret", false, "show secret and headers off a terminal too")
	f.Int64Var(&o.maxBody, "max-body", webhook.DefaultMaxBody, "most `bytes` that a callback may have")
	o.callback.addProof(cmd)
	o.catch.add(cmd)
	o.out.add(cmd)
	return cmd
}

func runListen(ctx context.Context, s *session, o *listenOptions) (err error) {
	p, err := s.printer(ctx, o.out)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	t, ok, err := s.endpointConfig(&o.catch, true)
	switch {
	case err != nil:
		return err
	case !ok:
		return &exitError{code: codeEndpoint, text: "there is no way to open a public address: no ngrok authtoken",
			next: "set NGROK_AUTHTOKEN (https://dashboard.ngrok.com/get-started/your-authtoken), or use --public-url URL --addr HOST:PORT, or --local"}
	}
	ticket, err := o.ticket(s)
	if err != nil {
		return err
	}
	ready, err := newReadyFile(o.readyFile)
	if err != nil {
		return usageError("", "--ready-file: %v", err)
	}
	defer func() { err = errors.Join(err, ready.remove()) }()

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if o.timeout > 0 {
		timed, cancel := s.deadline(ctx, o.timeout)
		defer cancel()
		ctx = timed
	}
	endpoint, err := s.openEndpoint(ctx, t, openLimit)
	if err != nil {
		if signalOf(ctx) != nil {
			return nil
		}
		return err
	}
	l := &listening{s: s, p: p, count: o.count, stop: stop}
	in := inbox.Open(endpoint, inbox.Options{
		Sink: inbox.Once(l), MaxBody: o.maxBody, Random: s.app.Random, Refused: s.refused,
	})
	in.Admit(ticket)
	show := o.showSecrets(s)
	if !show {
		s.hideProof(ticket)
	}
	var others sync.WaitGroup
	others.Go(func() { l.follow(ctx, endpoint.Events()) })
	others.Go(func() { l.announce(ctx, in, ticket, ready, show) })
	<-ctx.Done()
	s.closeInbox(in)
	others.Wait()
	return l.outcome(ctx, o)
}

func (o *listenOptions) check() error {
	switch {
	case o.count < 0:
		return usageError("", "--count: %d is less than 0", o.count)
	case o.timeout < 0:
		return usageError("", "--timeout: %s is less than 0", o.timeout)
	case o.maxBody < 1:
		return usageError("", "--max-body: %d is not a size in bytes", o.maxBody)
	}
	return nil
}

// ticket is what callbacks must show: random, where nothing was asked for.
func (o *listenOptions) ticket(s *session) (webhook.Ticket, error) {
	t, err := webhook.NewTicket(s.app.Random, inbox.Prefix)
	if err != nil {
		return t, err
	}
	switch secret := s.settings.Secret(config.CallbackSecret); {
	case o.callback.secret != "":
		value, err := s.source.Resolve(o.callback.secret)
		if err != nil {
			return t, usageError("", "--callback-secret: %v", err)
		}
		t.Secret = value.Reveal()
	case !secret.Empty():
		t.Secret = secret.Reveal()
	}
	headers, err := task.ParseHeaders(o.callback.headers, &s.source)
	if err != nil {
		return t, err
	}
	s.warn(headers.Warnings)
	if len(headers.Values) > 0 {
		t.Header = http.Header{}
		for name, value := range headers.Values {
			t.Header.Set(name, value)
		}
	}
	return t, nil
}

// showSecrets reports whether a person is to see secret and headers.
func (o *listenOptions) showSecrets(s *session) bool {
	return o.showSec || term.IsTerminal(s.app.Stderr)
}

// errCounted is the cause of an end by --count.
var errCounted = errors.New("all callbacks that were asked for are here")

// listening prints what comes in. It is the sink: what could be printed is
// acknowledged.
type listening struct {
	s     *session
	p     *printer
	count int
	stop  context.CancelCauseFunc

	mu      sync.Mutex
	printed int
	broken  error // stdout failed
	stopped error // the endpoint ended
}

// Deliver implements webhook.Sink.
func (l *listening) Deliver(_ context.Context, d webhook.Delivery) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	if l.count > 0 && l.printed == l.count {
		return errCounted // 503: somebody else may take it
	}
	if err := l.print(d.Result); err != nil {
		l.broken = err
		l.stop(err)
		return err
	}
	l.s.talk.Detail("callback", "a callback for "+term.OneLine(d.Result.RequestID)+" was accepted")
	if l.printed++; l.printed == l.count {
		l.stop(errCounted)
	}
	return nil
}

func (l *listening) print(r *narada.Result) error {
	if l.p.json {
		return l.p.JSON(r.Raw())
	}
	text := r.Text()
	if data := r.Structured(); data != nil {
		text = string(data)
	}
	return l.p.Text(fmt.Sprintf("%s\t%s\t%s", term.OneLine(r.RequestID), term.OneLine(string(r.Status)), term.OneLine(text)))
}

// announce says that the address is ready once it answers.
func (l *listening) announce(ctx context.Context, in *inbox.Inbox, t webhook.Ticket, ready *readyFile, show bool) {
	client := &http.Client{Transport: l.s.transport()}
	defer client.CloseIdleConnections()
	said := false
	err := in.Ready(ctx, client, func(err error) {
		if !said {
			l.s.talk.Warn("not-ready", "the address does not answer yet: "+err.Error())
			said = true
		}
	})
	if err != nil {
		return // the command has ended
	}
	if err := ready.write(in.URL(t), t); err != nil {
		l.mu.Lock()
		l.broken = &exitError{code: codeUnexpected, text: "ready file: " + err.Error()}
		l.mu.Unlock()
		l.stop(err)
		return
	}
	l.s.talk.Info("ready", "listening on "+in.URL(t), term.Field{Name: "url", Value: in.URL(t)})
	if show {
		l.s.talk.Info("secret", "callbackSecret "+t.Secret)
		for name := range t.Header {
			l.s.talk.Info("header", "callbackHeaders "+name+": "+t.Header.Get(name))
		}
	}
}

// follow says what befalls the address, and ends the command when it is gone for
// good.
func (l *listening) follow(ctx context.Context, events <-chan tunnel.Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-events:
			if !open {
				return
			}
			switch event.Kind {
			case tunnel.Lost:
				l.s.talk.Warn("tunnel-lost", "the tunnel is lost: callbacks cannot come in until it is back")
			case tunnel.Back:
				l.s.talk.Info("tunnel-back", "the tunnel is back")
			case tunnel.Stopped:
				l.mu.Lock()
				l.stopped = &exitError{code: codeEndpoint, text: eventText("the tunnel was stopped", event), err: event.Err}
				l.mu.Unlock()
				l.stop(l.stopped)
			}
		}
	}
}

// outcome is how the command ends: by signal with success, since it is a server,
// unless callbacks were counted that did not come.
func (l *listening) outcome(ctx context.Context, o *listenOptions) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := o.count > 0 && l.printed < o.count
	switch {
	case l.broken != nil:
		return l.broken
	case l.stopped != nil:
		return l.stopped
	case missing:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: %d of %d callbacks came", cause(context.Cause(ctx)), l.printed, o.count)}
	}
	return nil
}
