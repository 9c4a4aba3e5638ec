package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
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
	filter    string
	forward   forwardFlags
	command   []string // with its arguments
}

func newListen(inv *invocation) *cobra.Command {
	var o listenOptions
	cmd := &cobra.Command{
		Use:   "listen [-- COMMAND ARG...]",
		Short: "Open a public HTTPS address and print every callback",
		Long: `listen opens a public HTTPS address (an ngrok tunnel, or one of your own) and
prints every genuine callback that arrives, one a line: request ID, status and
text, or with -o json all of it. A callback is acknowledged once it is in the ledger
(narada history), where it is safe.

A task of this machine has its callback come here by narada dispatch
--callback-url listener.

With --forward-to each callback is passed on, too, as it came, and with a command
after -- that is run for each, one at a time: it has the callback as JSON on its stdin,
without the secret, and CALLBACK_REQUEST_ID and CALLBACK_STATUS in its environment; its
output is printed instead of the callback. What could not be passed on yet, the next
listen goes on with; what was given up, narada replay --failed sends again.

It runs until it is interrupted, or until --count or --timeout ends it; with --count
it ends when the callbacks have been passed on, with exit code 3 if one was given up.`,
		Example: `  # for a script: wait for the address, use it, take one callback
  rm -f ready.json
  narada listen --count 1 --ready-file ready.json -o json > callback.json &
  until [ -e ready.json ]; do kill -0 $! || exit 1; sleep 0.1; done
  jq -r .url ready.json

  # on your own machine, without a tunnel
  narada listen --local

  # real callbacks for a server that is being written
  narada listen --forward-to http://localhost:3000/api/narada/webhook

  # a command for each that is a success
  narada listen --filter '.status == "success"' -- ./import.sh`,
		Args: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			switch {
			case dash == 0 && len(args) == 0:
				return usageError("", "there is no command after --")
			case dash == 0:
				o.command = args
				return nil
			case len(args) > 0 && dash < 0:
				return usageError("a command to run stands after --: narada listen -- "+shellQuote(args[0]), "%s takes no argument, and here is %q", cmd.CommandPath(), args[0])
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := inv.load(cmd); err != nil {
				return err
			}
			if err := o.check(cmd); err != nil {
				return err
			}
			return runListen(cmd.Context(), inv, &o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.count, "count", 0, "stop after `N` callbacks")
	f.DurationVar(&o.timeout, "timeout", 0, "stop after this `time` (default: never)")
	f.StringVar(&o.name, "name", "", "`name` that narada dispatch --callback-url listener:NAME finds it by (default listen-1, or the next that is free)")
	f.StringVar(&o.readyFile, "ready-file", "", "write address, secret and headers to `file` once the address answers")
	f.BoolVar(&o.showSec, "show-secret", false, "show secret and headers off a terminal too")
	f.Int64Var(&o.maxBody, "max-body", webhook.DefaultMaxBody, "most `bytes` that a callback may have")
	f.StringVar(&o.filter, "filter", "", "print and pass on those only for which the jq `expression` is true")
	o.forward.add(cmd)
	o.callback.addProof(cmd)
	o.catch.add(cmd)
	o.out.add(cmd)
	return cmd
}

func runListen(ctx context.Context, inv *invocation, o *listenOptions) (err error) {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	var filter *output.Query
	if o.filter != "" {
		if filter, err = output.ParseQuery(ctx, o.filter); err != nil {
			return usageError("", "--filter: %v", err)
		}
	}
	t, ok, err := inv.endpointConfig(&o.catch, true)
	switch {
	case err != nil:
		return err
	case !ok:
		return &exitError{code: codeEndpoint, text: "there is no way to open a public address: no ngrok authtoken",
			next: "set NGROK_AUTHTOKEN (https://dashboard.ngrok.com/get-started/your-authtoken), or use --public-url URL --addr HOST:PORT, or --local"}
	}
	ticket, shown, err := o.ticket(inv)
	if err != nil {
		return err
	}
	targets, err := o.targets(inv, shown.Secrets())
	if err != nil {
		return err
	}
	registration, err := inv.registerListener(o.name)
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
		timed, cancel := inv.deadline(ctx, o.timeout)
		defer cancel()
		ctx = timed
	}
	l := &listening{
		inv: inv, p: p, count: o.count, ticket: ticket, filter: filter, silent: len(o.command) > 0, ready: ready, show: o.showSecrets(inv), registration: registration,
		entries: make(chan store.Entry, mostUnprinted), closed: make(chan struct{}), bytes: semaphore.NewWeighted(mostUnprintedBytes),
	}
	l.printing, l.gone = context.WithCancel(context.Background())
	defer l.gone()
	l.serving, l.stop = context.WithCancelCause(ctx)
	defer l.stop(nil)
	if l.ledger, err = inv.openLedger(ctx, sqlite.Options{Stored: l.stored}); err != nil {
		return err
	}
	defer inv.closeLedger(l.ledger)
	l.ledger.Share(ticket.Path)
	endpoint, err := inv.openEndpoint(ctx, t, openLimit)
	switch {
	case err != nil && ctx.Err() != nil:
		return l.outcome(ctx) // it was ended before it had begun
	case err != nil:
		return err
	}
	if err := o.forward.checkOther(endpoint); err != nil {
		return errors.Join(err, endpoint.Close(ctx))
	}
	if err := l.passOn(ctx, targets); err != nil {
		return errors.Join(err, endpoint.Close(ctx))
	}
	return l.serve(ctx, endpoint, o.maxBody)
}

// check finds flags that make no sense, or do not go together.
func (o *listenOptions) check(cmd *cobra.Command) error {
	switch {
	case len(o.command) > 0 && (cmd.Flags().Changed("output") || o.out.jq != ""):
		return usageError("leave one of them out", "the output is that of the command, and --output and --jq shape what listen prints")
	case o.count < 0:
		return usageError("", "--count: %d is less than 0", o.count)
	case o.timeout < 0:
		return usageError("", "--timeout: %s is less than 0", o.timeout)
	case o.maxBody < 1:
		return usageError("", "--max-body: %d is not a size in bytes", o.maxBody)
	}
	return o.forward.check(cmd)
}

// targets are to whom callbacks are passed on.
func (o *listenOptions) targets(inv *invocation, hidden []secret.String) (list []onwardTarget, err error) {
	if o.forward.to != "" {
		t, err := inv.newForwarding(&o.forward)
		if err != nil {
			return nil, err
		}
		list, hidden = append(list, t), append(hidden, t.added.Secrets()...)
	}
	if len(o.command) > 0 {
		c, err := inv.newOnCallback(o.command)
		if err != nil {
			return nil, err
		}
		hidden = append(hidden, inv.settings.Secret(config.APIKey), inv.settings.Secret(config.NgrokAuthtoken), inv.settings.Secret(config.CallbackSecret))
		c.environ = withoutSecrets(inv.app.Environ(), hidden)
		list = append(list, c)
	}
	return list, nil
}

// ticket is what callbacks must show: random, where nothing was asked for, as given has
// it.
func (o *listenOptions) ticket(inv *invocation) (t webhook.Ticket, given secret.Credentials, err error) {
	if t, err = webhook.NewTicket(inv.app.Random, receive.Prefix); err != nil {
		return t, given, err
	}
	if given, err = inv.credentials(&o.callback); err != nil {
		return t, given, err
	}
	t = ticketWith(t, given)
	inv.redactor.Hide(credentialsOf(t).Secrets()...)
	return t, given, nil
}

// showSecrets reports whether a person is to see secret and headers.
func (o *listenOptions) showSecrets(inv *invocation) bool {
	return o.showSec || inv.app.StderrTerminal
}
