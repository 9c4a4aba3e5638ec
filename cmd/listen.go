package cmd

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/inbox"
	"github.com/narada-cli/narada/pkg/ledger"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/webhook"
)

type listenOptions struct {
	out       outputFlags
	catch     catchFlags
	callback  callbackFlags
	count     int
	timeout   time.Duration
	name      string
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
text, or with -o json all of it. A callback is acknowledged once it is in the ledger
(narada history), where it is safe.

A task of this machine has its callback come here by narada dispatch
--callback-url listener.

It runs until it is interrupted, or until --count or --timeout ends it.`,
		Example: `  # for a script: wait for the address, use it, take one callback
  rm -f ready.json
  narada listen --count 1 --ready-file ready.json -o json > callback.json &
  until [ -e ready.json ]; do kill -0 $! || exit 1; sleep 0.1; done
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
	f.StringVar(&o.name, "name", "", "`name` that narada dispatch --callback-url listener:NAME finds it by (default listen-1, or the next that is free)")
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
	registration, err := s.registerListener(o.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registration.Close()) }()
	ready, err := newReadyFile(o.readyFile)
	if err != nil {
		return usageError("", "--ready-file: %v", err)
	}
	defer func() { err = errors.Join(err, ready.remove()) }()
	if o.timeout > 0 {
		timed, cancel := s.deadline(ctx, o.timeout)
		defer cancel()
		ctx = timed
	}
	l := &listening{
		s: s, p: p, count: o.count, ticket: ticket, ready: ready, show: o.showSecrets(s), registration: registration,
		entries: make(chan ledger.Entry, mostUnprinted), closed: make(chan struct{}), bytes: semaphore.NewWeighted(mostUnprintedBytes),
	}
	l.printing, l.gone = context.WithCancel(context.Background())
	defer l.gone()
	if l.ledger, err = s.openLedger(ctx, ledger.Options{Stored: l.stored}); err != nil {
		return err
	}
	defer s.closeLedger(l.ledger)
	l.ledger.Share(ticket.Path)
	endpoint, err := s.openEndpoint(ctx, t, openLimit)
	switch {
	case err != nil && ctx.Err() != nil:
		return l.outcome(ctx) // it was ended before it had begun
	case err != nil:
		return err
	}
	return l.serve(ctx, endpoint, o.maxBody)
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
	return o.showSec || s.app.StderrTerminal
}
