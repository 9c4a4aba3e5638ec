package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

type listenOptions struct {
	out        outputFlags
	catch      catchFlags
	callback   callbackFlags
	count      int
	timeout    time.Duration
	name       string
	readyFile  string
	healthPath string
	drain      time.Duration
	showSecret bool
	maxBody    int64
	filter     string
	forward    forwardFlags
	command    []string // with its arguments
	page       pageFlag
}

func newListen(inv *invocation) *cobra.Command {
	var o listenOptions
	cmd := &cobra.Command{
		Use:   "listen [-- COMMAND ARG...]",
		Short: "Open a public HTTPS address and print every callback",
		Long: `listen opens a public HTTPS address (an ngrok tunnel, or your own) and prints a line
for each genuine callback: request ID, status and text, or with -o json all of it. It
acknowledges a callback once it is stored in the ledger (narada history).

narada dispatch --callback-url listener sends the callback of a task here.

With --forward-to it also forwards each callback, unchanged. With a command after -- it
runs the command for each callback, one at a time: the callback is JSON on stdin,
without the secret, CALLBACK_REQUEST_ID and CALLBACK_STATUS are in the environment, and
the command's output replaces the callback's. The next listen resumes what is not
forwarded yet; narada replay --failed sends to an endpoint again what it refused.

It runs until it is interrupted, or until --count or --timeout ends it. With --count it
ends when the callbacks are forwarded; exit code 3: one could not be.`,
		Example: `  # in a script: wait for the address, use it, receive one callback
  rm -f ready.json
  narada listen --count 1 --ready-file ready.json -o json > callback.json &
  until [ -e ready.json ]; do kill -0 $! || exit 1; sleep 0.1; done
  jq -r .url ready.json

  # on your own machine, without a tunnel
  narada listen --local

  # forward callbacks to a server that you are writing
  narada listen --forward-to http://localhost:3000/api/narada/webhook

  # run a command for each success
  narada listen --filter '.status == "success"' -- ./import.sh`,
		Args: o.check,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error {
			p, err := inv.printer(later(cmd.Context(), o.drain), o.out)
			if err != nil {
				return err
			}
			return runListen(cmd.Context(), inv, p, &o)
		}),
	}
	f := cmd.Flags()
	f.IntVar(&o.count, "count", 0, "stop after `N` callbacks (default: no limit)")
	f.Var(units.DurationFlag(&o.timeout, 0), "timeout", "stop after this `DURATION` (default: never)")
	f.StringVar(&o.name, "name", "", "set the `NAME` for --callback-url listener:NAME (default listen-1, listen-2, ...)")
	f.StringVar(&o.readyFile, "ready-file", "", "write address, secret and headers to `FILE` once the address answers")
	f.StringVar(&o.healthPath, "health-path", "", "answer 200 at `/PATH`, and 503 while draining, for a load balancer")
	f.Var(units.DurationFlag(&o.drain, 0), "drain", "receive callbacks for this `DURATION` after SIGTERM (default 10s with --health-path)")
	f.BoolVar(&o.showSecret, "show-secret", false, "show the secret and headers even if stderr is not a terminal")
	addMaxBody(f, &o.maxBody, "callbacks")
	f.StringVar(&o.filter, "filter", "", "print and forward only if the jq expression `EXPR` is true")
	o.forward.add(cmd)
	o.page.add(cmd)
	o.callback.addCredentials(cmd)
	o.catch.add(cmd)
	o.out.add(cmd)
	return cmd
}

func runListen(ctx context.Context, inv *invocation, p *printer, o *listenOptions) (err error) {
	inv.app.streams.Out.Until(context.Background()) // receive.Listening reports what it could not print
	dir, err := inv.stateDir()
	if err != nil {
		return err
	}
	options, targets, err := o.resolve(ctx, inv, p, dir)
	if err != nil {
		return err
	}
	var l *receive.Listening
	ledger, err := inv.openLedger(ctx, func(e store.Entry) { l.Stored(e) })
	if err != nil {
		return err
	}
	defer inv.closeLedger(ledger)
	closePage, err := o.page.serve(ctx, inv, ledger, &sendFlags{target: o.forward.trust, timeout: o.forward.timeout}, options.Given)
	if err != nil {
		return err
	}
	defer closePage()
	options.Registry = registry(inv, dir, ledger)
	if l, err = receive.NewListening(ctx, options); err != nil {
		return startError(err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	sum, err := l.Run(ctx, ledger, func(ctx context.Context, failed func(error)) (receive.Forwarder, error) {
		leases, _ := ledger.(store.Leases) // of a ledger of several machines
		return forward.Start(ctx, forward.Options{
			Store: ledger, Leases: leases, Listener: l.Name(), Targets: targets, Failed: failed, Report: func(e forward.Event) { logForwardEvent(inv, e) },
			Reserve: func(name string) (func() error, bool, error) { return receive.Reserve(ctx, options.Registry, name) },
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

// resolve turns the flags and settings into options and targets.
func (o *listenOptions) resolve(ctx context.Context, inv *invocation, p *printer, dir string) (l receive.ListeningOptions, targets []forward.Target, err error) {
	show := o.showSecret || inv.app.StderrTerminal
	l = receive.ListeningOptions{
		Name: o.name, ReadyFile: o.readyFile, MaxBody: o.maxBody, Count: o.count, HealthPath: o.healthPath, Drain: o.drain,
		Random: inv.app.Random, Transport: inv.transport(), Masker: inv.masker, Report: receiveEvents(inv, show),
	}
	if o.timeout > 0 {
		l.Until = inv.app.start.Add(o.timeout)
		reading, cancel := context.WithDeadlineCause(ctx, l.Until, &timeLimitError{o.timeout, "--timeout"})
		defer cancel()
		inv.source.Context = reading // what the flags name
	}
	if len(o.command) == 0 { // else its output is printed
		l.Print = func(r *narada.Result) error { return printCallback(p, r) }
	}
	if o.filter != "" {
		filter, err := output.ParseQuery(later(ctx, o.drain), o.filter)
		if err != nil {
			return l, nil, usage.Errorf("", "--filter: %v", err)
		}
		l.Filter = func(r *narada.Result) (bool, error) { return filter.True(r.Raw()) }
	}
	if l.PublicURL, l.Open, err = o.opening(inv); err != nil {
		return l, nil, err
	}
	if l.Ticket, l.Given, err = newTicket(inv, &o.callback, true); err != nil {
		return l, nil, err
	}
	targets, err = o.targets(inv, dir, l.Given.Secrets())
	return l, targets, err
}

// printCallback prints a callback in one line.
func printCallback(p *printer, r *narada.Result) error {
	return p.Print(r.Raw(), term.OneLine(r.RequestID)+"\t"+term.OneLine(string(r.Status))+"\t"+term.OneLine(answerText(r)))
}

// answerText is the structured data of an answer, else its text.
func answerText(r *narada.Result) string {
	if data := r.Structured(); data != nil {
		return string(data)
	}
	return r.Text()
}

// opening returns how to open the endpoint, and its URL if that is known. Forwarding to the
// endpoint itself would loop.
func (o *listenOptions) opening(inv *invocation) (publicURL string, open func(context.Context) (receive.Tunnel, error), err error) {
	t, ok, err := o.catch.config(inv, true)
	switch {
	case err != nil:
		return "", nil, err
	case !ok:
		return "", nil, &exitError{code: codeEndpoint, text: "cannot open a public address: no ngrok authtoken",
			next: noTokenHint + "; or --local"}
	}
	if t.Ingress != nil {
		publicURL = t.Ingress.PublicURL
	}
	return publicURL, func(ctx context.Context) (receive.Tunnel, error) {
		e, err := inv.openEndpoint(ctx, t, receive.OpenLimit)
		if err != nil {
			return nil, err
		}
		if forward.SameAddress(o.forward.to, e.URL(), e.Listener().Addr()) {
			err = usage.Errorf("", "--forward-to: %s is the listener's own address", o.forward.to)
			return nil, errors.Join(err, e.Close(ctx))
		}
		return e, nil
	}, nil
}

// startError words why a listener cannot start.
func startError(err error) error {
	if name, ok := errors.AsType[*receive.NameError](err); ok {
		next := ""
		switch {
		case name.Given:
			next = "omit --callback-secret and --callback-header: the callbacks have those of the first one"
		case name.Kept > 0:
			next = fmt.Sprintf("use another --name; a listener that has died keeps its name for %s", name.Kept)
		}
		return usage.Errorf(next, "--name: %v", name)
	}
	if file, ok := errors.AsType[*receive.ReadyFileError](err); ok {
		return usage.Errorf("", "--ready-file: %v", file)
	}
	if ownHint(err) != "" {
		return err
	}
	return &exitError{code: codeUnexpected, text: err.Error(),
		next: "set NARADA_STATE_DIR, or state-dir with narada config set, to a folder that can be written", err: err}
}

// outcome is the command's error: none if a signal ends it, since it is a server, unless
// --count callbacks were expected.
func (o *listenOptions) outcome(sum receive.Summary) error {
	why := sum.Reason
	if errors.Is(why, context.DeadlineExceeded) {
		why = &timeLimitError{o.timeout, "--timeout"}
	}
	switch {
	case o.count == 0:
		return nil
	case sum.Done < o.count:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: received %d of %d callbacks", cause(why), sum.Done, o.count)}
	case sum.Waiting > 0:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: received %s; %d not forwarded yet",
			cause(why), units.Count(sum.Done, "callback"), sum.Waiting)}
	case sum.NotForwarded > 0:
		next := "send them to the endpoint again: narada replay --failed"
		if o.forward.to == "" { // only a command, which replay does not run
			next = "narada history --failed lists them; narada replay --failed --to URL sends them to an endpoint"
		}
		return &exitError{code: codeFailed, text: units.Count(sum.NotForwarded, "callback") + " not forwarded", next: next}
	}
	return nil
}
