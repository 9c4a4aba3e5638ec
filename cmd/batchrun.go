package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
)

type batchRunOptions struct {
	task          taskFlags
	answer        answerFlags
	name          string
	format        string
	prompt        string
	results       string
	ordered       bool
	jq            string
	concurrency   int
	rate          string
	windows       []string
	retryFailed   bool
	resendUnknown bool
	failFast      bool
	maxFailures   int
	maxCredits    float64
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := inv.load(cmd); err != nil {
				return err
			}
			return runBatch(cmd.Context(), inv, &o, args[0])
		},
	}
	o.task.addDefaults(cmd)
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "`name` of the batch (default: that of the file)")
	f.StringVar(&o.format, "format", "", "`format` of the file: text, jsonl, csv or tsv (default: as its name says, else text)")
	f.StringVar(&o.prompt, "prompt", "", "`template` of the prompts, for a table: {{.company}} is the column company (default {{.prompt}})")
	f.StringVar(&o.results, "results", "", "write the results to `file` instead of stdout")
	f.BoolVar(&o.ordered, "ordered", false, "results in the order of the file")
	f.StringVar(&o.jq, "jq", "", "print what the jq `expression` makes of each result; strings come out raw")
	f.IntVarP(&o.concurrency, "concurrency", "c", 8, "most `tasks` in flight")
	f.StringVar(&o.rate, "rate", "", "most tasks that are sent in a time, as `5/s`, 30/m or 100/h")
	f.StringSliceVar(&o.windows, "window-pool", nil, "`IDs` of browser windows, each of which runs one task at a time")
	f.BoolVar(&o.retryFailed, "retry-failed", false, "send those again that have failed")
	f.BoolVar(&o.resendUnknown, "resend-unknown", false, "send those again of which it is not known whether they were accepted")
	f.BoolVar(&o.failFast, "fail-fast", false, "send no more once one has failed")
	f.IntVar(&o.maxFailures, "max-failures", 0, "send no more once so many have failed; 0 is no limit")
	f.Float64Var(&o.maxCredits, "max-credits", 0, "send no more once the batch has used more `credits` than that; 0 is no limit")
	f.String("timeout", "", "most `time` that a task is waited for, from its dispatch (default 20m)")
	f.String("poll-interval", "", "least `time` between two status calls for one task (default 3s)")
	o.answer.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "jsonl", "csv", "tsv"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check finds flags that do not go together, or make no sense.
func (o *batchRunOptions) check() (rate float64, err error) {
	if err := o.answer.check(); err != nil {
		return 0, err
	}
	if o.rate != "" {
		if rate, err = parseRate(o.rate); err != nil {
			return 0, usageError("", "--rate: %v", err)
		}
	}
	switch {
	case o.failFast && o.maxFailures > 0:
		return 0, usageError("leave one of them out", "--fail-fast is --max-failures 1")
	case o.concurrency < 1:
		return 0, usageError("", "--concurrency: %d is less than 1", o.concurrency)
	case o.maxFailures < 0:
		return 0, usageError("", "--max-failures: %d is less than 0", o.maxFailures)
	case !(o.maxCredits >= 0) || math.IsInf(o.maxCredits, 0):
		return 0, usageError("", "--max-credits: %g is not a number from 0 up", o.maxCredits)
	case o.name != "" && batch.CheckName(o.name) != nil:
		return 0, usageError("", "--name: %v", batch.CheckName(o.name))
	}
	seen := map[string]bool{}
	for _, w := range o.windows {
		if w == "" || seen[w] {
			return 0, usageError("", "--window-pool: %q is empty or there twice", w)
		}
		seen[w] = true
	}
	if len(o.windows) > 0 && o.task.flags.Changed("window") {
		return 0, usageError("leave one of them out", "--window and --window-pool each say where tasks run")
	}
	return rate, nil
}

// parseRate reads tasks a second: 5/s, 30/m, 100/h.
func parseRate(text string) (float64, error) {
	count, unit, _ := strings.Cut(text, "/")
	seconds, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(count, 64)
	if err != nil || !ok || !(n > 0) || n > 1e6 {
		return 0, fmt.Errorf("%q is not a number of tasks and a time, as 5/s, 30/m or 100/h", text)
	}
	return n / seconds, nil
}

// batchRun is a batch run command under way.
type batchRun struct {
	inv      *invocation
	o        *batchRunOptions
	name     string
	path     string
	reporter *batchReporter
}

func runBatch(ctx context.Context, inv *invocation, o *batchRunOptions, path string) error {
	r := &batchRun{inv: inv, o: o, path: path, name: o.name}
	if r.name == "" {
		r.name = batch.NameOf(path)
	}
	r.reporter = &batchReporter{inv: inv, name: r.name, kept: !o.answer.sandbox}
	options, err := r.options(ctx)
	if err != nil {
		return err
	}
	b, err := batch.Open(ctx, options)
	switch {
	case err != nil && ctx.Err() != nil:
		return &exitError{code: codeUnexpected, text: cause(context.Cause(ctx)) + ": nothing was sent"}
	case err != nil:
		return r.explain(err)
	}
	defer b.Close()
	if o.task.dryRun {
		inv.talk.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
		return r.explain(b.Preview(ctx))
	}
	r.reporter.progress = b.Progress
	return r.run(ctx, b, options.Template.Plan)
}

// options makes the batch's options of the flags and settings.
func (r *batchRun) options(ctx context.Context) (o batch.Options, err error) {
	inv, f := r.inv, r.o
	o = batch.Options{
		Name: r.name, Path: r.path, Start: inv.app.start, Windows: f.windows,
		Concurrency: f.concurrency, Timeout: inv.duration(config.Timeout), RetryFailed: f.retryFailed, ResendUnknown: f.resendUnknown,
		MaxFailures: f.maxFailures, MaxCredits: f.maxCredits,
		Results: f.results, Stdout: inv.app.Stdout, Ordered: f.ordered, Hide: inv.redactor.Hide, Report: r.reporter.report,
	}
	if o.Rate, err = f.check(); err != nil {
		return o, err
	}
	if f.failFast {
		o.MaxFailures = 1
	}
	if f.jq != "" {
		if o.Query, err = output.ParseQuery(ctx, f.jq); err != nil {
			return o, usageError("", "--jq: %v", err)
		}
	}
	if inv.app.StdoutTerminal {
		o.Stdout = inv.talk.Over(o.Stdout)
	}
	if o.Format, o.Prompt, err = f.input(r.path); err != nil {
		return o, err
	}
	if r.path == "-" {
		if o.Stdin, o.StdinFile, err = r.stdin(); err != nil {
			return o, err
		}
	}
	if !f.task.noValidate {
		o.Check = func(s *schema.Schema, result *narada.Result) ([]schema.Violation, error) {
			return expectation{s, true}.violations(result)
		}
	}
	o.Template, err = r.template()
	return o, err
}

// input says how the file is read.
func (o *batchRunOptions) input(path string) (format batch.Format, prompt *batch.Prompt, err error) {
	switch {
	case o.format != "":
		format = batch.Format(o.format)
	case path == "-" && o.prompt != "":
		format = batch.CSV
	default:
		format = batch.FormatOf(path)
	}
	switch format {
	case batch.Text, batch.JSONL:
		if o.prompt != "" {
			err = usageError("--format csv, if it is a table", "--prompt is for tables, and the format is %s", format)
		}
	case batch.CSV, batch.TSV:
		if o.prompt != "" {
			if prompt, err = batch.ParsePrompt(o.prompt); err != nil {
				err = usageError("{{.company}} is the column company", "--prompt: %v", err)
			}
		}
	default:
		err = usageError("", "--format: %q is not text, jsonl, csv or tsv", o.format)
	}
	return format, prompt, err
}

// stdin takes standard input, and describes the file that it was redirected from, if
// it was.
func (r *batchRun) stdin() (stdin io.Reader, file os.FileInfo, err error) {
	if r.inv.app.StdinTerminal {
		return nil, nil, usageError("narada batch run FILE", "stdin is a terminal: pipe the tasks in")
	}
	if stdin, err = r.inv.source.TakeStdin(); err != nil {
		return nil, nil, usageError("", "%v", err)
	}
	if reader, ok := stdin.(*endingReader); ok {
		if f, ok := reader.r.(*os.File); ok {
			file, _ = f.Stat()
		}
	}
	return stdin, file, nil
}

// template makes what all tasks have in common.
func (r *batchRun) template() (*task.Template, error) {
	file, err := r.inv.taskFile(&r.o.task)
	if err != nil {
		return nil, err
	}
	pool := len(r.o.windows) > 0
	spec, err := r.inv.spec(&r.o.task, task.Spec{OwnCallback: true, AnyWindow: r.o.answer.sandbox || pool}, file)
	if err != nil {
		return nil, err
	}
	if pool {
		spec.Window = "" // of the settings
	}
	t, err := spec.Template(&r.inv.source)
	if err != nil {
		return nil, err
	}
	r.inv.redactor.Hide(t.Plan.Secrets...)
	r.inv.warn(t.Plan.Warnings)
	return t, nil
}

// run opens what the batch needs, and runs it.
func (r *batchRun) run(ctx context.Context, b *batch.Batch, common *task.Plan) error {
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
		Cloud: cloud.baseURL.String(), Store: kept, Dir: dir, Interrupt: r.inv.app.patience.wish,
		Open: func(ctx context.Context, adjust func(*await.Options)) (batch.Engine, error) {
			options := engineOptions(r.inv, "batch", cloud, kept)
			adjust(&options)
			engine, closer, err := openEngine(ctx, r.inv, options, kept, endpoint, r.o.answer.via)
			if err != nil {
				return nil, err
			}
			closeEngine = closer
			return engine, upload(ctx, r.inv, cloud, common)
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
	if err = explainDispatch(err); hintOf(err) == "" || exitCode(err) == codeUnreachable {
		err = &exitError{code: exitCode(err), text: err.Error(), next: r.resume(), err: err}
	}
	return err
}

// explain words an error of the batch for people.
func (r *batchRun) explain(err error) error {
	var input *batch.InputError
	var results *batch.ResultsError
	var other *batch.OtherBatchError
	var taken *batch.TakenError
	switch {
	case errors.Is(err, batch.ErrInputChanged):
		return usageError("run it again", "%v", err)
	case errors.As(err, &input):
		return usageError("", "%v", err)
	case errors.As(err, &results) && results.Usage:
		return usageError("", "--results: %v", err)
	case errors.As(err, &results):
		e := &exitError{code: codeUnexpected, text: "--results: " + err.Error(), err: err}
		if r.reporter.kept {
			e.next = "the ledger has the results: narada batch results " + shellQuote(r.name)
		}
		return e
	case errors.As(err, &other):
		return r.explainOther(other)
	case errors.As(err, &taken):
		return usageError("--name runs it beside that as a batch of its own, and sends its tasks a second time", "%v", err)
	}
	return err
}

// explainOther words that the batch of that name is another one.
func (r *batchRun) explainOther(e *batch.OtherBatchError) error {
	switch {
	case e.Sent == 0:
		return usageError("--name gives this one another name", "the batch %q is of the cloud at %s, and this is %s", r.name, e.Was.Cloud, e.Is.Cloud)
	case r.path == "-":
		return usageError("--name gives this one a name of its own: without it all that comes by a pipe is the batch stdin",
			"the batch %q was made of another input: none of the lines of standard input is among the %d that were sent", r.name, e.Sent)
	}
	return usageError("--name gives this one another name", "the batch %q was made of another input: no line of %s is among the %d that were sent of %s", r.name, e.Is.Input, e.Sent, e.Was.Input)
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
		words = append(words, shellQuote(arg))
	}
	text := strings.Join(words, " ")
	if r.path == "-" {
		text += " < the same input"
	}
	return text
}
