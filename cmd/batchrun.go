package cmd

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
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
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runBatch(cmd.Context(), inv, &o, args[0]) }),
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
	settingFlag(f, "timeout", config.Timeout, "most `time` that a task is waited for, from its dispatch (default 20m)")
	settingFlag(f, "poll-interval", config.PollInterval, "least `time` between two status calls for one task (default 3s)")
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
	if o.failFast {
		if o.maxFailures > 0 {
			return 0, usageError("leave one of them out", "--fail-fast is --max-failures 1")
		}
		o.maxFailures = 1
	}
	switch {
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

// The garbage collector comes when so many percent are new, since little of a batch
// stays for long, but earlier when so much is in use.
const (
	batchGC     = 300
	batchMemory = 180 << 20
)

// batchRun is a batch run command under way.
type batchRun struct {
	inv      *invocation
	o        *batchRunOptions
	source   *batchInput
	input    batch.Input
	template *task.Template
	name     string
	total    int
}

func runBatch(ctx context.Context, inv *invocation, o *batchRunOptions, path string) error {
	rate, err := o.check()
	if err != nil {
		return err
	}
	b := &batchRun{inv: inv, o: o}
	out, err := b.newResults(ctx, path)
	if err != nil {
		return err
	}
	if err := b.open(path); err != nil {
		return err
	}
	defer b.source.Close()
	out.name = b.name
	if err := b.plan(); err != nil {
		return err
	}
	places, err := b.checkAll(ctx)
	if err != nil {
		return err
	}
	if o.task.dryRun {
		return b.preview(ctx, out)
	}
	return b.run(ctx, out, batch.NewPace(rate), places)
}

// open finds the input, and what it is called.
func (b *batchRun) open(path string) (err error) {
	b.input.Format = batch.FormatOf(path)
	if b.o.format != "" {
		b.input.Format = batch.Format(b.o.format)
	} else if path == "-" && b.o.prompt != "" {
		b.input.Format = batch.CSV
	}
	switch b.input.Format {
	case batch.Text, batch.JSONL:
		if b.o.prompt != "" {
			return usageError("--format csv, if it is a table", "--prompt is for tables, and the format is %s", b.input.Format)
		}
	case batch.CSV, batch.TSV:
		if b.o.prompt != "" {
			if b.input.Prompt, err = batch.ParsePrompt(b.o.prompt); err != nil {
				return usageError("{{.company}} is the column company", "--prompt: %v", err)
			}
		}
	default:
		return usageError("", "--format: %q is not text, jsonl, csv or tsv", b.o.format)
	}
	if b.name = b.o.name; b.name == "" {
		b.name = batch.NameOf(path)
	}
	b.source, err = b.inv.openBatchInput(path)
	return err
}

// run runs the batch: its place in the ledger, the endpoint, the uploads, the
// tasks.
func (b *batchRun) run(ctx context.Context, out *batchResults, pace *batch.Pace, places []linePlace) (err error) {
	inv := b.inv
	cloud, stop, err := b.o.answer.cloud(ctx, inv)
	if err != nil {
		return err
	}
	defer stop()
	endpoint, err := b.o.answer.endpoint(inv)
	if err != nil {
		return err
	}
	if err := b.o.answer.checkLocal(endpoint, cloud); err != nil {
		return err
	}
	dir, removeDir, err := b.stateDir()
	if err != nil {
		return err
	}
	defer removeDir()
	unlock, err := inv.lockBatch(dir, b.name)
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return err
	}
	defer inv.closeLedger(kept)
	book := &batchBook{ledger: kept}
	earlier, err := b.place(ctx, kept, book, cloud, places)
	if err != nil {
		return err
	}
	r := newRunning(inv, cloud, kept)
	r.many = true
	defer r.close()
	if err := r.open(ctx, endpoint, b.o.answer.via); err != nil {
		return err
	}
	if err := inv.upload(ctx, cloud, b.template.Plan); err != nil {
		return err
	}
	if err := out.begin(); err != nil {
		return err
	}
	sender := &batchSender{inv: inv, running: r, batch: book.number, pace: pace, timeout: inv.duration(config.Timeout)}
	r.runner.Dispatch, r.runner.Again = sender.dispatch(r.runner.Dispatch), func(ctx context.Context) error { return pace.Wait(ctx, nil) }
	defer debug.SetGCPercent(debug.SetGCPercent(batchGC))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(batchMemory))
	run := batch.NewRun(batch.Options{
		Total: b.total, Concurrency: b.o.concurrency, Windows: b.o.windows, Pace: pace,
		RetryFailed: b.o.retryFailed, ResendUnknown: b.o.resendUnknown, MaxFailures: b.o.maxFailures, MaxCredits: b.o.maxCredits,
		Book: book, Sender: sender, Plan: b.planLine, Check: b.misfit, Ordered: b.o.ordered,
		Emit: func(o batch.Outcome) error {
			if err := book.note(o); err != nil {
				return err
			}
			return out.put(o)
		},
	})
	return b.finish(ctx, out, run, earlier)
}

// finish sends what is to be sent, and says how it went.
func (b *batchRun) finish(ctx context.Context, out *batchResults, run *batch.Run, earlier bool) error {
	inv := b.inv
	wish := inv.app.softInterrupt()
	done := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-wish:
			t := run.Tally()
			inv.talk.Warn("interrupted", fmt.Sprintf("no more tasks are sent; %d %s in flight, and waited for: Ctrl-C again leaves them", t.InFlight, verb(t.InFlight, "is", "are")))
			run.Stop(&signalError{os.Interrupt})
		case <-done:
		}
	}()
	err := run.Recover(ctx, b.lines())
	if earlier {
		inv.talk.Info("resuming", resumingLine(run.Tally()))
	}
	recovered := err == nil
	if err == nil && !(b.o.ordered && run.Tally().Earlier > 0) {
		err = out.publish()
	}
	if err == nil {
		shown := inv.talk.Show("batch", "running "+b.name, &batchMeter{run: run})
		err = run.Send(ctx, b.lines())
		shown()
	}
	close(done)
	<-watching
	finish := out.Close
	if !recovered {
		finish = out.discard
	}
	closing := finish()
	t := run.Tally()
	b.summarize(t, time.Now())
	if err = b.verdict(ctx, t, err); closing != nil && (err == nil || exitCode(err) == codeFailed) {
		return closing
	}
	return err
}
