package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
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
		Args: o.takeCommand,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return runListen(cmd.Context(), inv, &o)
		}),
	}
	f := cmd.Flags()
	f.IntVar(&o.count, "count", 0, "stop after `N` callbacks")
	f.Var(units.DurationFlag(&o.timeout, 0), "timeout", "stop after this `time` (default: never)")
	f.StringVar(&o.name, "name", "", "`name` that narada dispatch --callback-url listener:NAME finds it by (default listen-1, or the next that is free)")
	f.StringVar(&o.readyFile, "ready-file", "", "write address, secret and headers to `file` once the address answers")
	f.BoolVar(&o.showSec, "show-secret", false, "show secret and headers off a terminal too")
	f.Var(units.SizeFlag(&o.maxBody, webhook.DefaultMaxBody), "max-body", "most `bytes` that a callback may have")
	f.StringVar(&o.filter, "filter", "", "print and pass on those only for which the jq `expression` is true")
	o.forward.add(cmd)
	o.callback.addCredentials(cmd)
	o.catch.add(cmd)
	o.out.add(cmd)
	return cmd
}

// takeCommand takes the command after --.
func (o *listenOptions) takeCommand(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	switch {
	case dash == 0 && len(args) == 0:
		return usageError("", "there is no command after --")
	case dash == 0:
		o.command = args
		return nil
	case len(args) > 0 && dash < 0:
		return usageError("a command to run stands after --: narada listen -- "+output.ShellWord(args[0]), "%s takes no argument, and here is %q", cmd.CommandPath(), args[0])
	}
	return noArgs(cmd, args)
}

func runListen(ctx context.Context, inv *invocation, o *listenOptions) (err error) {
	options, targets, err := o.resolve(ctx, inv)
	if err != nil {
		return err
	}
	l, err := receive.NewListening(options)
	if err != nil {
		return beginError(err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	kept, err := inv.openLedger(ctx, sqlite.Options{Stored: l.Stored})
	if err != nil {
		return err
	}
	defer inv.closeLedger(kept)
	sum, err := l.Run(ctx, kept, func(ctx context.Context, failed func(error)) (receive.Forwarder, error) {
		return forward.Start(ctx, forward.Options{
			Store: kept, Listener: l.Name(), Targets: targets, Failed: failed, Report: forwardEvents(inv),
			Reserve: func(name string) (func() error, bool, error) { return receive.Reserve(options.Dir, name) },
		})
	})
	if stopped, ok := errors.AsType[*receive.StoppedError](err); ok {
		return &exitError{code: codeEndpoint, text: "the tunnel was stopped (" + stopped.Err.Error() + ")", err: err}
	}
	if err != nil {
		return err
	}
	return o.outcome(sum)
}

// resolve makes of the flags and settings what is to be done.
func (o *listenOptions) resolve(ctx context.Context, inv *invocation) (l receive.ListeningOptions, targets []forward.Target, err error) {
	show := o.showSec || inv.app.StderrTerminal
	l = receive.ListeningOptions{
		Name: o.name, ReadyFile: o.readyFile, MaxBody: o.maxBody, Count: o.count,
		Random: inv.app.Random, Transport: inv.transport(), Report: receiveEvents(inv, show),
	}
	if o.timeout > 0 {
		l.Until = inv.app.start.Add(o.timeout)
	}
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return l, nil, err
	}
	if len(o.command) == 0 { // whose output is printed
		l.Print = p.printCallback
	}
	if o.filter != "" {
		filter, err := output.ParseQuery(ctx, o.filter)
		if err != nil {
			return l, nil, usageError("", "--filter: %v", err)
		}
		l.Wanted = func(r *narada.Result) (bool, error) { return filter.True(r.Raw()) }
	}
	if l.Open, err = o.opening(inv); err != nil {
		return l, nil, err
	}
	var given secret.Credentials
	if l.Ticket, given, err = newTicket(inv, &o.callback, true); err != nil {
		return l, nil, err
	}
	if targets, err = o.targets(inv, given.Secrets()); err != nil {
		return l, nil, err
	}
	l.Dir, err = inv.stateDir()
	return l, targets, err
}

// printCallback prints a callback on a line.
func (p *printer) printCallback(r *narada.Result) error {
	if p.json {
		return p.JSON(r.Raw())
	}
	text := r.Text()
	if data := r.Structured(); data != nil {
		text = string(data)
	}
	return p.Text(term.OneLine(r.RequestID) + "\t" + term.OneLine(string(r.Status)) + "\t" + term.OneLine(text))
}

// opening is how the endpoint is opened. What is forwarded to it would go round for ever.
func (o *listenOptions) opening(inv *invocation) (func(context.Context) (receive.Tunnel, error), error) {
	t, ok, err := o.catch.config(inv, true)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &exitError{code: codeEndpoint, text: "there is no way to open a public address: no ngrok authtoken",
			next: "set NGROK_AUTHTOKEN (https://dashboard.ngrok.com/get-started/your-authtoken), or use --public-url URL --addr HOST:PORT, or --local"}
	}
	return func(ctx context.Context) (receive.Tunnel, error) {
		e, err := inv.openEndpoint(ctx, t, openLimit)
		if err != nil {
			return nil, err
		}
		if forward.SameAddress(o.forward.to, e.URL(), e.Listener().Addr()) {
			err = usageError("", "--forward-to: %s is the address at which callbacks come in", o.forward.to)
			return nil, errors.Join(err, e.Close(ctx))
		}
		return e, nil
	}, nil
}

// beginError words why a listener cannot begin.
func beginError(err error) error {
	if name, ok := errors.AsType[*receive.NameError](err); ok {
		return usageError("", "--name: %v", name)
	}
	if file, ok := errors.AsType[*receive.ReadyFileError](err); ok {
		return usageError("", "--ready-file: %v", file)
	}
	return &exitError{code: codeUnexpected, text: err.Error(),
		next: "NARADA_STATE_DIR, or narada config set state-dir, names a folder that can be written", err: err}
}

// outcome is how the command ends: by signal with success, since it is a server,
// unless callbacks were counted that did not come.
func (o *listenOptions) outcome(sum receive.Summary) error {
	switch {
	case o.count == 0:
		return nil
	case sum.Done < o.count:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: %d of %d callbacks came", cause(sum.Reason), sum.Done, o.count)}
	case sum.Waiting > 0:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: %d callback%s came, and %d %s to be passed on",
			cause(sum.Reason), sum.Done, plural(sum.Done != 1), sum.Waiting, verb(sum.Waiting, "waits", "wait"))}
	case sum.NotForwarded > 0:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d callback%s could not be passed on", sum.NotForwarded, plural(sum.NotForwarded != 1)),
			next: "narada replay --failed sends again what was for an endpoint"}
	}
	return nil
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

// targets are to whom callbacks are forwarded. hidden is secret beside the settings.
func (o *listenOptions) targets(inv *invocation, hidden []secret.String) (list []forward.Target, err error) {
	if o.forward.to != "" {
		t, err := o.forward.target(inv)
		if err != nil {
			return nil, err
		}
		list, hidden = append(list, t), append(hidden, t.Added.Secrets()...)
	}
	if len(o.command) == 0 {
		return list, nil
	}
	quoted, names := make([]string, len(o.command)), []string{}
	for i, word := range o.command {
		quoted[i] = output.ShellWord(word)
	}
	for _, key := range config.Keys() {
		if key.Secret {
			names, hidden = append(names, key.Env), append(hidden, inv.settings.Secret(key.Name))
		}
	}
	c := &forward.Command{
		Words: o.command, Line: strings.Join(quoted, " "), Dir: inv.app.Dir, Stdout: inv.app.Stdout, Stderr: inv.app.Stderr,
		Environ: forward.WithoutSecrets(inv.app.Environ(), names, hidden),
	}
	if err := c.Find(); err != nil {
		return nil, usageError("", "%s: %v", o.command[0], err)
	}
	return append(list, c), nil
}
