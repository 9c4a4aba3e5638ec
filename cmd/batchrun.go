package cmd

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

type batchRunOptions struct {
	task     taskFlags
	answer   answerFlags
	batch    batch.Options
	format   string
	prompt   string
	jq       string
	rate     string
	failFast bool
}

func newBatchRun(inv *invocation) *cobra.Command {
	var o batchRunOptions
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run the tasks of a file",
		Long: `run sends a task for each line of the file, waits for the answers, and prints a JSON
object a line, as each task ends. - is stdin.

The file is text, a prompt a line; JSONL, a string or an object with a task's fields
a line; or a table, CSV or TSV, of whose columns --prompt makes the prompts. Its name
says which, or --format. The flags of narada run are for all lines; what a line has
itself wins over them.

All of it is checked before anything is sent. Each batch has a name and a place in
the ledger: run again, it goes on. What has ended is not sent again and printed from
the ledger, what runs is waited for. A line is known by its id, else by what is in it.

Ctrl-C stops the sending and waits for the tasks that run, a second one leaves.

It exits with 0 when all have succeeded, 3 when some have not, and 5 when it was
stopped by a limit before the end.`,
		Example: `  # try it: no account, no network
  narada batch run prompts.txt --sandbox

  # a table
  narada batch run companies.csv --prompt 'Find the salary range at {{.company}}' \
    --schema range.schema.json --results ranges.jsonl

  # five a second at the most, in three windows of one's own
  narada batch run prompts.jsonl --rate 5/s --window-pool ID1,ID2,ID3

  # the failed ones again
  narada batch run prompts.txt --retry-failed`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("narada batch run FILE; - is stdin", "one file is wanted, and here are %d arguments", len(args))
			}
			return nil
		},
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runBatch(cmd.Context(), inv, &o, args[0]) }),
	}
	o.task.addDefaults(cmd)
	f := cmd.Flags()
	f.StringVar(&o.batch.Name, "name", "", "`name` of the batch (default: that of the file)")
	f.StringVar(&o.format, "format", "", "`format` of the file: text, jsonl, csv or tsv (default: as its name says, else text)")
	f.StringVar(&o.prompt, "prompt", "", "`template` of the prompts, for a table: {{.company}} is the column company (default {{.prompt}})")
	f.StringVar(&o.batch.Results, "results", "", "write the results to `file` instead of stdout")
	f.BoolVar(&o.batch.Ordered, "ordered", false, "results in the order of the file")
	f.StringVar(&o.jq, "jq", "", "print what the jq `expression` makes of each result; strings come out raw")
	f.IntVarP(&o.batch.Concurrency, "concurrency", "c", 8, "most `tasks` in flight")
	f.StringVar(&o.rate, "rate", "", "most tasks that are sent in a time, as `5/s`, 30/m or 100/h")
	f.StringSliceVar(&o.batch.Windows, "window-pool", nil, "`IDs` of browser windows, each of which runs one task at a time")
	f.BoolVar(&o.batch.RetryFailed, "retry-failed", false, "send those again that have failed")
	f.BoolVar(&o.batch.ResendUnknown, "resend-unknown", false, "send those again of which it is not known whether they were accepted")
	f.BoolVar(&o.failFast, "fail-fast", false, "send no more once one has failed")
	f.IntVar(&o.batch.MaxFailures, "max-failures", 0, "send no more once so many have failed; 0 is no limit")
	f.Float64Var(&o.batch.MaxCredits, "max-credits", 0, "send no more once the batch has used more `credits` than that; 0 is no limit")
	settingFlag(f, "timeout", config.Timeout, "most `time` that a task is waited for, from its dispatch (default 20m)")
	settingFlag(f, "poll-interval", config.PollInterval, "least `time` between two status calls for one task (default 3s)")
	o.answer.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "jsonl", "csv", "tsv"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// batchRun is a batch run command under way.
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
		inv.log.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
		return r.explain(b.Preview(ctx))
	}
	r.progress = b.Progress
	return r.run(ctx, b)
}

// run opens what the batch needs, and runs it.
func (r *batchRun) run(ctx context.Context, b *batch.Batch) error {
	cloud, stop, err := r.o.answer.cloud(ctx, r.inv)
	if err != nil {
		return err
	}
	defer stop()
	endpoint, err := r.o.answer.endpoint(r.inv, cloud)
	if err != nil {
		return err
	}
	dir, removeDir, err := r.stateDir()
	if err != nil {
		return err
	}
	defer removeDir()
	kept, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return err
	}
	defer r.inv.closeLedger(kept)
	closeEngine := func() {}
	defer func() { closeEngine() }()
	v, err := b.Run(ctx, batch.Backend{
		Cloud: cloud.baseURL.String(), Store: kept, Dir: dir, Interrupt: r.inv.app.interrupt.Wait,
		Open: func(ctx context.Context, adjust func(*await.Options)) (batch.Engine, error) {
			options := engineOptions(r.inv, "batch", cloud, kept)
			adjust(&options)
			engine, closer, err := openEngine(ctx, r.inv, options, kept, endpoint, r.o.answer.via)
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

// stateDir is where the batch is kept: a sandbox's is deleted with it.
func (r *batchRun) stateDir() (dir string, remove func(), err error) {
	if !r.o.answer.sandbox {
		dir, err = r.inv.stateDir()
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "narada-batch-")
	if err != nil {
		return "", nil, &exitError{code: codeUnexpected, text: err.Error(), err: err}
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// verdict is the error with the exit code of a batch that has ended so.
func (r *batchRun) verdict(v batch.Verdict) error {
	t := v.Tally
	switch v.Ending {
	case batch.AllSucceeded:
		return nil
	case batch.SomeFailed:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d lines have not succeeded", t.Failed(), t.Total)}
	case batch.Unfinished:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%d of %d lines have not ended", t.Total-t.Ended, t.Total), next: r.resume()}
	case batch.Limited, batch.Interrupted:
		e := &exitError{code: codeUnfinished, text: fmt.Sprintf("%v: %d of %d lines have ended", v.Err, t.Ended, t.Total), next: r.resume()}
		if v.Ending == batch.Interrupted {
			e.code = codeSignal
		}
		return e
	}
	err := r.explain(v.Err)
	if _, explained := err.(*exitError); explained {
		return err
	}
	if err = dispatchError(err); hintOf(err) == "" || exitCode(err) == codeUnreachable {
		err = &exitError{code: exitCode(err), text: err.Error(), next: r.resume(), err: err}
	}
	return err
}

// resume is the command that goes on with the batch; "" for a sandbox's. The same
// limit on credits would stop it again.
func (r *batchRun) resume() string {
	if r.o.answer.sandbox {
		return ""
	}
	words := []string{"narada"}
	for i, arg := range r.inv.app.Args {
		const limit = "--max-credits"
		switch {
		case i > 0 && r.inv.app.Args[i-1] == limit:
			arg = "MORE"
		case strings.HasPrefix(arg, limit+"="):
			arg = limit + "=MORE"
		}
		words = append(words, output.ShellWord(arg))
	}
	text := strings.Join(words, " ")
	if r.o.batch.Path == "-" {
		text += " < the same input"
	}
	return text
}
