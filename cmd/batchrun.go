package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/postgres"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

type batchRunOptions struct {
	task     taskFlags
	answer   answerFlags
	batch    batch.Options
	prompt   string
	comma    string // --delimiter
	out      outputFlags
	rate     string
	failFast bool
	page     pageFlag
	junit    junitFlag
	yes      bool
}

func newBatchRun(inv *invocation) *cobra.Command {
	var o batchRunOptions
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run the tasks of a file",
		Long: `run sends a task for each line of the file, waits for the answers, and prints a result
as each task finishes: on a terminal a line of text, elsewhere and in --results a JSON
object. With - as FILE it reads stdin.

The file is text (a prompt per line), JSONL (a string, or an object with a task's
fields, per line), a JSON array or YAML list of these, or a table (CSV or TSV, whose
columns --prompt puts into prompts, with fields separated by , ; tab or |). Its name or --format selects the format; a file whose
content contradicts its name is refused. The task flags apply to all lines; the fields
of a line override them.

The whole file is checked before anything is sent. To resume a batch, run it again:
finished lines are printed from the ledger and not sent again, running ones are waited
for. A line is identified by its id, or without one by its content. --restart sends all
lines again.

Ctrl-C stops sending and waits for the running tasks; press it again to quit.

Exit codes: 0 all lines succeeded, 3 some did not, 5 a limit stopped the batch.`,
		Example: `  # try it: no account, no network
  narada batch run prompts.txt --sandbox

  # a table
  narada batch run companies.csv --prompt 'Find the salary range at {{.company}}' \
    --schema range.schema.json --results ranges.jsonl

  # at most five per second, in three of your own windows
  narada batch run prompts.jsonl --rate 5/s --window-pool ID1,ID2,ID3

  # retry the failed lines
  narada batch run prompts.txt --retry-failed

  # run the whole batch again
  narada batch run prompts.txt --restart`,
		Args: usage.OneArg("FILE", "narada batch run FILE; - is stdin"),
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runBatch(cmd.Context(), inv, &o, args[0]) }),
	}
	o.task.addDefaults(cmd)
	addAssert(cmd, &o.task.Assert)
	f := cmd.Flags()
	f.StringVar(&o.batch.Name, "name", "", "set the `NAME` of the batch (default: the name of the file)")
	f.Var(usage.Choice(&o.batch.Format, "", batch.Formats...), "format", "read the file as `FORMAT`: text, jsonl, json, yaml, csv or tsv (default: by its name)")
	f.StringVar(&o.comma, "delimiter", "", "separate the fields of a table by `CHAR`: , ; tab or | (default: by its content)")
	f.StringVar(&o.prompt, "prompt", "", "make prompts by this `TEXT`: {{.company}} is the column company")
	f.StringVar(&o.batch.Results, "results", "", "write the results to `FILE` instead of stdout; - is stdout")
	f.BoolVar(&o.batch.Ordered, "ordered", false, "write the results in the order of the file")
	o.out.addLines(cmd)
	f.IntVarP(&o.batch.Concurrency, "concurrency", "c", 8, "run at most `N` tasks at once")
	config.Fill(f, "concurrency", config.Concurrency)
	f.StringVar(&o.rate, "rate", "", "send at most this `RATE` of tasks: 5/s, 30/m or 100/h")
	f.StringSliceVar(&o.batch.Windows, "window-pool", nil, "use browser windows `ID,ID,...`, each for one task at a time")
	f.BoolVar(&o.batch.RetryFailed, "retry-failed", false, "send failed lines again")
	f.BoolVar(&o.batch.ResendUnknown, "resend-unknown", false, "send lines again that the API may or may not have accepted")
	f.BoolVar(&o.batch.Restart, "restart", false, "send all lines again, and forget the earlier runs; on a terminal it asks first")
	f.BoolVarP(&o.yes, "yes", "y", false, "restart without asking")
	f.BoolVar(&o.failFast, "fail-fast", false, "stop sending after the first failure")
	f.IntVar(&o.batch.MaxFailures, "max-failures", 0, "stop sending after `N` failures; 0 is no limit")
	f.Float64Var(&o.batch.MaxCredits, "max-credits", 0, "stop sending once the batch has used more than `N` credits; 0 is no limit")
	f.BoolVar(&o.batch.Share, "share", false, "let workers (narada batch work) run lines too; with the setting store they always may")
	f.BoolVar(&o.batch.NoWork, "no-work", false, "leave all lines to workers, and print the results")
	f.Var(units.DurationFlag(&o.batch.Lease, batch.DefaultLease), "lease", "give the lines of a worker that has gone to others after this `DURATION`")
	settingFlag(f, "timeout", config.Timeout, "wait at most this `DURATION` for each task (default 20m)")
	settingFlag(f, "poll-interval", config.PollInterval, "wait at least this `DURATION` between two polls of a task (default 3s)")
	o.junit.add(cmd, "line")
	o.page.add(cmd)
	o.answer.add(cmd)
	return cmd
}

// batchRun is a running batch run command.
type batchRun struct {
	inv      *invocation
	o        *batchRunOptions
	progress func() batch.Tally
	hide     func() // the bar, once it is shown
}

func runBatch(ctx context.Context, inv *invocation, o *batchRunOptions, path string) error {
	r := &batchRun{inv: inv, o: o}
	if err := r.prepare(ctx, path); err != nil {
		return err
	}
	b, err := batch.Open(ctx, o.batch)
	switch {
	case err != nil && ctx.Err() != nil:
		return &exitError{code: codeUnexpected, text: cause(context.Cause(ctx)) + ": nothing was sent"}
	case err != nil:
		return r.explain(err)
	}
	defer b.Close()
	if o.task.dryRun {
		if _, err := baseURL(inv); err != nil {
			return err
		}
		inv.warnOfTask(o.batch.Template.Plan.Warnings)
		inv.log.Info("dry-run", "nothing is sent; a run with a callback endpoint adds callbackUrl, callbackHeaders and callbackSecret")
		return r.explain(b.Preview(ctx))
	}
	r.progress = b.Progress
	startSummary(r.inv)
	return r.run(ctx, b)
}

// openLedger opens the ledger of the batch: for a sandbox one in the folder.
func (r *batchRun) openLedger(ctx context.Context, dir string) (store.Ledger, error) {
	if r.o.answer.sandbox {
		return openLedgerIn(ctx, r.inv, dir, nil)
	}
	return r.inv.openLedger(ctx, nil)
}

// run opens what the batch needs, and runs it.
func (r *batchRun) run(ctx context.Context, b *batch.Batch) error {
	cloud, stop, err := r.o.answer.cloud(ctx, r.inv)
	if err != nil {
		return err
	}
	defer stop()
	r.inv.warnOfTask(r.o.batch.Template.Plan.Warnings)
	endpoint, err := r.o.answer.endpoint(r.inv, cloud)
	if err != nil {
		return err
	}
	dir, removeDir, err := r.stateDir()
	if err != nil {
		return err
	}
	defer removeDir()
	ledger, err := r.openLedger(ctx, dir)
	if err != nil {
		return err
	}
	defer r.inv.closeLedger(ledger)
	closePage, err := r.o.page.serve(ctx, r.inv, ledger, new(sendFlags), secret.NewCredentials(r.inv.settings.Secret(config.CallbackSecret), nil))
	if err != nil {
		return err
	}
	defer closePage()
	closeEngine := func() {}
	defer func() { closeEngine() }()
	v, err := b.Run(ctx, batch.Backend{
		Cloud: cloud.baseURL.String(), Store: ledger, Dir: dir, Temporary: r.o.answer.sandbox, Interrupt: r.inv.app.interrupt.Wait,
		Upload: func(ctx context.Context) error { return upload(ctx, r.inv, cloud, r.o.batch.Template.Plan) },
		Open: func(ctx context.Context, adjust func(*await.Options)) (batch.Engine, error) {
			options := engineOptions(r.inv, "batch", cloud, ledger)
			adjust(&options)
			engine, closer, err := openEngine(ctx, r.inv, options, ledger, endpoint, &r.o.answer)
			if err != nil {
				return nil, err
			}
			closeEngine = closer
			return engine, upload(ctx, r.inv, cloud, r.o.batch.Template.Plan)
		},
	})
	if err != nil {
		return r.explain(err)
	}
	return r.verdict(v)
}

// stateDir is the directory of the ledger: a temporary one with a sandbox.
func (r *batchRun) stateDir() (dir string, remove func(), err error) {
	if !r.o.answer.sandbox {
		dir, err = r.inv.stateDir()
		return dir, func() {}, err
	}
	if dir, remove, err = atomicfile.TemporaryFolder("narada-batch-"); err != nil {
		return "", nil, &exitError{code: codeUnexpected, text: err.Error(), err: err}
	}
	return dir, remove, nil
}

// verdict is the error with the exit code for the end of a batch.
func (r *batchRun) verdict(v batch.Verdict) error {
	t := v.Tally
	switch v.Ending {
	case batch.AllSucceeded:
		return nil
	case batch.SomeFailed:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d lines did not succeed", t.Failed(), t.Total)}
	case batch.Unfinished:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%d of %d lines have not finished", t.Total-t.Ended, t.Total), next: r.resume()}
	case batch.Limited, batch.Interrupted:
		e := &exitError{code: codeUnfinished, text: fmt.Sprintf("%v: %d of %d lines have finished", v.Err, t.Ended, t.Total), next: r.resume()}
		if v.Ending == batch.Interrupted {
			e.code = codeSignal
		}
		return e
	}
	err := r.explain(v.Err)
	switch err.(type) {
	case *exitError, *usage.Error:
		return err
	}
	if err = dispatchError(err); hintOf(r.inv, err) == "" || exitCode(err) == codeUnreachable && !is[*postgres.Error](err) {
		err = &exitError{code: exitCode(err), text: err.Error(), next: r.resume(), err: err}
	}
	return err
}

// resume is the hint with the command that resumes the batch, "" with a sandbox. It asks
// for a higher limit on credits, since the same one would stop the batch again, and does not
// restart the batch again.
func (r *batchRun) resume() string {
	if r.o.answer.sandbox {
		return ""
	}
	words := []string{"narada"}
	for i, arg := range r.inv.app.Args {
		const limit, restart = "--max-credits", "--restart"
		switch {
		case arg == restart, strings.HasPrefix(arg, restart+"="):
			continue
		case strings.HasPrefix(arg, "/dev/fd/"): // which ends with the command
			arg = "INPUT"
		case i > 0 && r.inv.app.Args[i-1] == limit:
			arg = "MORE"
		case strings.HasPrefix(arg, limit+"="):
			arg = limit + "=MORE"
		}
		words = append(words, output.ShellWord(arg))
	}
	if r.o.batch.Path == "-" {
		words = append(words, "< INPUT")
	}
	return "resume: " + strings.Join(words, " ")
}
