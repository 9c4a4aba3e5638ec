package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/webhook"
)

type dispatchOptions struct {
	task     taskFlags
	out      outputFlags
	callback callbackFlags
}

func newDispatch(inv *invocation) *cobra.Command {
	var o dispatchOptions
	cmd := &cobra.Command{
		Use:   "dispatch PROMPT",
		Short: "Submit a task and print its request ID",
		Long: `dispatch submits the prompt and prints the request ID. It does not wait for the
answer: narada status --wait ID does, or the cloud sends it to --callback-url.

Without PROMPT, or with -, the prompt is read from stdin.`,
		Example: `  # submit now, wait later
  id=$(narada dispatch "count the open issues of cli/cli")
  narada status --wait "$id"

  # have the answer printed by the narada listen that runs in another terminal
  narada dispatch --callback-url listener "count the open issues of cli/cli"

  # have the answer sent to a webhook
  narada dispatch --callback-url https://example.com/narada \
    --callback-secret env:HOOK_SECRET --callback-header 'Authorization: env:HOOK_TOKEN' \
    "count the open issues of cli/cli"`,
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runDispatch(cmd.Context(), inv, &o, args) }),
	}
	o.task.add(cmd)
	o.callback.addURL(cmd)
	o.callback.addProof(cmd)
	o.out.add(cmd)
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "most `time` for submitting (default 20m)")
	return cmd
}

func runDispatch(ctx context.Context, inv *invocation, o *dispatchOptions, args []string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	if o.task.NewSession {
		return usageError("narada session start, then narada dispatch --cloud-session ID; narada session stop ID ends it",
			"--new-session is for narada run, which waits and stops the session after")
	}
	callback, name, toListener, err := o.callbackSpec()
	if err != nil {
		return err
	}
	o.task.Callback = callback
	plan, err := o.task.plan(inv, args)
	if err != nil {
		return err
	}
	inv.warn(plan.Warnings)
	if o.task.previews() {
		if toListener {
			inv.log.Info("dry-run", "callbackUrl, callbackHeaders and callbackSecret, of the listener's, are added when it is sent")
		}
		return o.task.preview(inv, p, plan)
	}
	c, err := inv.cloud()
	if err != nil {
		return err
	}
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout))
	defer cancel()
	kept, ticket, err := o.openLedger(ctx, inv, c, plan.Request, name, toListener)
	if err != nil {
		return err
	}
	defer inv.closeLedger(kept)
	if err := upload(ctx, inv, c, plan); err != nil {
		return err
	}
	engine := await.New(engineOptions(inv, "dispatch", c, kept))
	defer engine.Close()
	submitted := inv.log.Wait("submitting", "submitting the task")
	id, err := engine.Submit(ctx, await.Job{Request: plan.Request, Prompt: plan.Prompt, Ticket: ticket, MustKeep: toListener})
	submitted()
	switch {
	case id == "":
		return notSubmitted(inv, err)
	case signalOf(ctx) != nil: // it came while the ID was on its way
		err = &exitError{code: codeUnfinished, text: cause(err) + ": " + id + " goes on in the cloud", err: err,
			next: resume(id, resumeLine(inv, fateGoesOn, o.task.Schema, o.task.NoValidate, o.out)...)}
	default:
		err = nil // it was submitted, if only just in time
	}
	return errors.Join(printID(inv, p, id), err)
}

// notSubmitted words why there is no request ID.
func notSubmitted(inv *invocation, err error) error {
	if notKept, ok := errors.AsType[*await.NotKeptError](err); ok {
		inv.warnOfLedger(notKept.Err, lossText("dispatch", await.LossTask))
		return &exitError{code: codeUnexpected, text: "nothing was sent: the listener would not know the callback"}
	}
	return explainDispatch(err)
}

// callbackSpec is where the callback is to go, as the task has it: nowhere yet, if
// it is to go to a listener.
func (o *dispatchOptions) callbackSpec() (c task.Callback, listener string, toListener bool, err error) {
	c = task.Callback{URL: o.callback.url, Secret: o.callback.secret, Headers: o.callback.headers}
	if listener, toListener = isListener(c.URL); !toListener {
		return c, "", false, nil
	}
	return task.Callback{}, listener, true, nil
}

// openLedger opens the ledger, without which a listener cannot know the callback,
// and gives the request a ticket for it.
func (o *dispatchOptions) openLedger(ctx context.Context, inv *invocation, c *cloud, request *narada.Request, listener string, toListener bool) (*sqlite.Store, webhook.Ticket, error) {
	if !toListener {
		return inv.openLedgerIfPossible(ctx, sqlite.Options{}), webhook.Ticket{}, nil
	}
	l, err := findListener(inv, "--callback-url", listener)
	if err == nil {
		err = c.reachable(l)
	}
	if err != nil {
		return nil, webhook.Ticket{}, err
	}
	ticket, err := sendToListener(inv, request, l, &o.callback)
	if err != nil {
		return nil, webhook.Ticket{}, err
	}
	kept, err := inv.openLedger(ctx, sqlite.Options{})
	return kept, ticket, err
}

func printID(inv *invocation, p *printer, id string) error {
	var err error
	if p.json {
		err = p.Value(map[string]string{"requestId": id})
	} else {
		err = p.Text(id)
	}
	if err != nil && !errPipe(err) {
		return &exitError{code: codeUnexpected, text: err.Error(), next: resume(id, commandLine(inv, "status")...), err: err}
	}
	return err
}
