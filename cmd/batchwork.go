package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/usage"
)

type batchWorkOptions struct {
	answer answerFlags
	work   batch.WorkOptions
}

func newBatchWork(inv *invocation) *cobra.Command {
	var o batchWorkOptions
	cmd := &cobra.Command{
		Use:   "work [NAME]",
		Short: "Run lines of batches that other machines have started",
		Long: `work runs lines that batch run has put into the ledger: those of the batch NAME, or of
all batches. With the setting store, machines share the ledger, and every batch run puts
its lines there; without it only batch run --share does, for workers on this machine. Each
line is sent once. A batch that does not exist yet is waited for.

What batch run was given holds for its workers too: --via, --timeout, --schema, -c,
--rate, --window-pool and the limits count over all of them. -c of a worker is its own.
Secrets are resolved here, from the same environment variables and files; a batch whose
secrets are missing here, or that belongs to another API, is left to other workers.

Ctrl-C stops sending and waits for the running tasks; a second one, or SIGTERM, quits.
Other workers find the outcome of the tasks that a worker has left, once its lease has
ended.`,
		Example: `  # on each machine
  narada batch work -c 16

  # one batch, until it is done
  narada batch work companies --until-done`,
		Args: usage.OptionalArg("NAME", batchListHint),
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runBatchWork(cmd.Context(), inv, &o, args) }),
	}
	f := cmd.Flags()
	f.IntVarP(&o.work.Concurrency, "concurrency", "c", 8, "run at most `N` tasks at once in this worker")
	config.Fill(f, "concurrency", config.Concurrency)
	f.BoolVar(&o.work.UntilDone, "until-done", false, "end when no line is left and no more are to come")
	o.answer.catch.add(cmd)
	addMaxBody(f, &o.answer.maxBody, "answers")
	settingFlag(f, "poll-interval", config.PollInterval, "wait at least this `DURATION` between two polls of a task (default 3s)")
	return cmd
}

func runBatchWork(ctx context.Context, inv *invocation, o *batchWorkOptions, args []string) error {
	w := &o.work
	if len(args) > 0 {
		if w.Name = args[0]; batch.CheckName(w.Name) != nil {
			return usage.Errorf(batchListHint, "%v", batch.CheckName(w.Name))
		}
	}
	o.answer.via = "auto"
	if err := o.answer.check(inv); err != nil {
		return err
	}
	cloud, err := inv.cloud(narada.WithMaxAnswer(o.answer.maxBody))
	if err != nil {
		return err
	}
	ledger, err := inv.openLedger(ctx, nil)
	if err != nil {
		return err
	}
	defer inv.closeLedger(ledger)
	var closers []func()
	defer func() {
		for _, closer := range closers {
			closer()
		}
	}()
	w.Store, w.Cloud, w.Machine, w.Source, w.Hide, w.Check = ledger, cloud.baseURL.String(), inv.app.Machine, &inv.source, inv.masker.Hide, (*schema.Schema).CheckAnswer
	w.Masker, w.Interrupt, w.Report = inv.masker, inv.app.interrupt.Wait, func(e batch.Event) { logWorkEvent(inv, e) }
	w.Open = func(ctx context.Context, via string, adjust func(*await.Options)) (batch.Engine, error) {
		answer := o.answer
		answer.via = via
		endpoint, err := answer.endpoint(inv, cloud)
		if err != nil {
			return nil, err
		}
		options := engineOptions(inv, "batch", cloud, ledger)
		adjust(&options)
		engine, closer, err := openEngine(ctx, inv, options, ledger, endpoint, &answer)
		if err != nil {
			return nil, err
		}
		closers = append(closers, closer)
		return engine, nil
	}
	err = batch.Work(ctx, *w)
	if e, ok := errors.AsType[*batch.OtherCloudError](err); ok {
		return usage.Errorf("start the worker with --base-url "+e.Was, "%v", e)
	}
	if e, ok := errors.AsType[*batch.UnresolvedError](err); ok {
		return usage.Errorf(e.Hint(), "%v", e)
	}
	if err != nil {
		return dispatchError(err)
	}
	return nil
}
