package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/usage"
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
answer. Wait with narada status --wait ID, or let the cloud send the answer to
--callback-url.

Without PROMPT, or with -, the prompt is read from stdin.`,
		Example: `  # submit now, wait later
  id=$(narada dispatch "count the open issues of cli/cli")
  narada status --wait "$id"

  # print the answer in the narada listen that runs in another terminal
  narada dispatch --callback-url listener "count the open issues of cli/cli"

  # send the answer to a webhook
  narada dispatch --callback-url https://example.com/narada \
    --callback-secret env:HOOK_SECRET --callback-header 'Authorization: env:HOOK_TOKEN' \
    "count the open issues of cli/cli"`,
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runDispatch(cmd.Context(), inv, &o, args) }),
	}
	o.task.add(cmd)
	o.callback.addURL(cmd)
	o.callback.addCredentials(cmd)
	o.out.add(cmd)
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "stop submitting after this `DURATION` (default 20m)")
	return cmd
}

func runDispatch(ctx context.Context, inv *invocation, o *dispatchOptions, args []string) error {
	out, err := newResults(ctx, inv, o.out, o.task.Schema, o.task.NoValidate)
	if err != nil {
		return err
	}
	if o.task.NewSession {
		return usage.Errorf("run narada session start, then narada dispatch --cloud-session ID",
			"--new-session requires narada run, which waits for the task and stops the session")
	}
	// The callback of a listener's is added when the task is sent.
	name, toListener, err := isListener("--callback-url", o.callback.url)
	if err != nil {
		return err
	}
	if !toListener {
		o.task.Callback = task.Callback{URL: o.callback.url, Secret: o.callback.secret, Headers: o.callback.headers}
	}
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout)) // of reading stdin, too
	defer cancel()
	plan, err := o.task.plan(inv, args)
	if err != nil {
		return err
	}
	out.asserts = plan.Asserts
	plan.NotAwaited()
	if o.task.previews() {
		inv.warnOfTask(plan.Warnings)
		if toListener {
			inv.log.Info("dry-run", "callbackUrl, callbackHeaders and callbackSecret of the listener are added when the task is sent")
		}
		return o.task.preview(inv, out.Printer, plan)
	}
	c, err := inv.cloud()
	if err != nil {
		return err
	}
	inv.warnOfTask(plan.Warnings)
	job := await.Job{Request: plan.Request, Prompt: plan.Prompt, MustKeep: toListener}
	kept, err := openLedgerFor(ctx, inv, toListener)
	if err != nil {
		return err
	}
	defer inv.closeLedger(kept)
	if toListener {
		if job.Ticket, err = o.listenerTicket(ctx, inv, c, plan.Request, name, kept); err != nil {
			return err
		}
	}
	if err := upload(ctx, inv, c, plan); err != nil {
		return err
	}
	engine := await.New(engineOptions(inv, "dispatch", c, kept))
	defer engine.Close()
	submitted := inv.log.Wait("submitting", "submitting the task")
	id, err := engine.Submit(ctx, job)
	submitted()
	if id == "" {
		return notSubmitted(inv, err)
	}
	var interrupted error
	if signals.Of(ctx) != nil {
		interrupted = out.stopped(id, outcomeRunning, err)
	}
	return errors.Join(out.printID(id), interrupted)
}

// errNotVerified says that a task is not in the ledger, where the listener looks for it.
var errNotVerified = &exitError{code: codeUnexpected, text: "nothing was sent: the listener could not verify the callback"}

// notSubmitted words why there is no request ID.
func notSubmitted(inv *invocation, err error) error {
	if notKept, ok := errors.AsType[*await.NotKeptError](err); ok {
		inv.warnOfLedger(notKept.Err, await.LossTask.Text())
		return errNotVerified
	}
	return dispatchError(err)
}

// listenerTicket directs the request's callback to the listener, with a new ticket that
// the listener finds in the ledger.
func (o *dispatchOptions) listenerTicket(ctx context.Context, inv *invocation, c *cloud, request *narada.Request, name string, kept store.Ledger) (ticket webhook.Ticket, err error) {
	l, _, err := findListener(ctx, inv, "--callback-url", name, kept)
	if err != nil {
		return ticket, err
	}
	if err := reachable("--callback-url", c.baseURL.String(), l); err != nil {
		return ticket, err
	}
	if ticket, _, err = newTicket(inv, &o.callback, false); err != nil {
		return ticket, err
	}
	await.AskForCallback(request, l.URL+ticket.Path, ticket)
	inv.masker.Hide(receive.TicketSecrets(ticket)...)
	return ticket, nil
}
