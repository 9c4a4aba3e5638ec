package cmd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/ledger"
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

func newBatchRun(s *session) *cobra.Command {
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
			if err := s.load(cmd); err != nil {
				return err
			}
			return runBatch(cmd.Context(), s, &o, args[0])
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
	case o.maxCredits < 0:
		return 0, usageError("", "--max-credits: %g is less than 0", o.maxCredits)
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
	s        *session
	o        *batchRunOptions
	source   *batchInput
	input    batch.Input
	template *task.Template
	name     string
	total    int
}

func runBatch(ctx context.Context, s *session, o *batchRunOptions, path string) error {
	rate, err := o.check()
	if err != nil {
		return err
	}
	b := &batchRun{s: s, o: o}
	out, err := b.newResults(ctx)
	if err != nil {
		return err
	}
	if err := b.open(path); err != nil {
		return err
	}
	defer b.source.Close()
	if err := b.plan(); err != nil {
		return err
	}
	first, err := b.checkAll(ctx)
	if err != nil {
		return err
	}
	if o.task.dryRun {
		return b.preview(ctx, out)
	}
	return b.run(ctx, out, batch.NewPace(rate), first)
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
	b.source, err = b.s.openBatchInput(path)
	return err
}

// plan makes what all tasks have in common.
func (b *batchRun) plan() error {
	file, err := b.s.taskFile(&b.o.task)
	if err != nil {
		return err
	}
	spec, err := b.s.spec(&b.o.task, task.Spec{OwnCallback: true, AnyWindow: b.o.answer.sandbox || len(b.o.windows) > 0}, file)
	if err != nil {
		return err
	}
	if len(b.o.windows) > 0 {
		spec.Window = "" // of the settings
	}
	if b.template, err = spec.Template(&b.s.source); err != nil {
		return err
	}
	b.s.redactor.Hide(b.template.Plan.Secrets...)
	b.s.warn(b.template.Plan.Warnings)
	return nil
}

// planLine makes a line's task.
func (b *batchRun) planLine(l batch.Line) (*task.Plan, error) {
	if l.Object == nil {
		return b.template.Text(l.Prompt)
	}
	file, err := task.ParseLine(l.Object)
	if err != nil {
		return nil, err
	}
	plan, err := b.template.Object(file)
	if err == nil && len(b.o.windows) > 0 && plan.Request.BrowserWindowID != "" {
		err = errors.New("browserWindowId: --window-pool says where tasks run")
	}
	return plan, err
}

// lines reads the input from its beginning.
func (b *batchRun) lines() iter.Seq2[batch.Line, error] {
	return func(yield func(batch.Line, error) bool) {
		r, err := b.source.rewind()
		if err != nil {
			yield(batch.Line{}, err)
			return
		}
		for l, err := range b.input.Lines(r) {
			if !yield(l, err) {
				return
			}
		}
	}
}

// mostLineWarnings is how many of the warnings about lines are said.
const mostLineWarnings = 20

// checkAll reads the whole input and says what is wrong with each line. first are
// the keys of some lines, by which an input is known.
func (b *batchRun) checkAll(ctx context.Context) (first []batch.Key, err error) {
	bad, warned := 0, 0
	wrong := func(e *batch.LineError) {
		bad++
		b.s.talk.Text("line", e.Error())
	}
	for l, err := range b.lines() {
		if ctx.Err() != nil {
			return nil, &exitError{code: codeUnexpected, text: cause(context.Cause(ctx)) + ": nothing was sent"}
		}
		if e, ok := errors.AsType[*batch.LineError](err); ok {
			wrong(e)
			continue
		}
		if err != nil {
			return nil, usageError("", "%s: %v", b.source.name, err)
		}
		plan, err := b.planLine(l)
		if err != nil {
			wrong(&batch.LineError{Number: l.Number, Err: err})
			continue
		}
		for _, w := range plan.Warnings {
			if warned++; warned <= mostLineWarnings {
				b.s.talk.Warn("task", fmt.Sprintf("line %d: %s", l.Number, w))
			}
		}
		b.total++
		first = append(first, l.Key)
	}
	if warned > mostLineWarnings {
		b.s.talk.Warn("task", fmt.Sprintf("there are %d further warnings", warned-mostLineWarnings))
	}
	switch {
	case bad > 0:
		return nil, usageError("", "%s: %d line%s cannot be sent: nothing was", b.source.name, bad, plural(bad != 1))
	case b.total == 0:
		return nil, usageError("", "%s: there is no task in it", b.source.name)
	}
	return first, nil
}

// preview prints the requests, and sends nothing.
func (b *batchRun) preview(ctx context.Context, out *batchResults) error {
	b.s.talk.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
	if err := out.begin(); err != nil {
		return err
	}
	for l, err := range b.lines() {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		var plan *task.Plan
		if err == nil {
			plan, err = b.planLine(l)
		}
		var body []byte
		if err == nil {
			body, err = plan.Request.Masked().MarshalJSON()
		}
		if err == nil {
			err = out.printer.JSON(body)
		}
		if err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return out.Close()
}

// run runs the batch: its place in the ledger, the endpoint, the uploads, the
// tasks.
func (b *batchRun) run(ctx context.Context, out *batchResults, pace *batch.Pace, keys []batch.Key) (err error) {
	s := b.s
	cloud, stop, err := b.o.answer.cloud(ctx, s)
	if err != nil {
		return err
	}
	defer stop()
	endpoint, err := b.o.answer.endpoint(s)
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
	unlock, err := s.lockBatch(dir, b.name)
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := ledger.Open(ctx, dir, ledger.Options{})
	if err != nil {
		return err
	}
	defer s.closeLedger(kept)
	book := &batchBook{ledger: kept}
	earlier, err := b.place(ctx, kept, book, cloud, keys)
	if err != nil {
		return err
	}
	r := newRunning(s, cloud, kept)
	r.many = true
	defer r.close()
	if err := r.open(ctx, endpoint, b.o.answer.via); err != nil {
		return err
	}
	if err := s.upload(ctx, cloud, b.template.Plan); err != nil {
		return err
	}
	if err := out.begin(); err != nil {
		return err
	}
	sender := &batchSender{s: s, running: r, batch: book.number, pace: pace, timeout: s.duration(config.Timeout)}
	r.runner.Dispatch, r.runner.Again = sender.dispatch(r.runner.Dispatch), func(ctx context.Context) error { return pace.Wait(ctx, nil) }
	defer debug.SetGCPercent(debug.SetGCPercent(batchGC))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(batchMemory))
	run := batch.NewRun(batch.Options{
		Total: b.total, Concurrency: b.o.concurrency, Windows: b.o.windows, Pace: pace,
		RetryFailed: b.o.retryFailed, ResendUnknown: b.o.resendUnknown, MaxFailures: b.o.maxFailures, MaxCredits: b.o.maxCredits,
		Book: book, Sender: sender, Plan: b.planLine, Check: b.misfit, Emit: out.put, Ordered: b.o.ordered,
	})
	return b.finish(ctx, out, run, earlier)
}

// stateDir is where the batch is kept: a sandbox's goes with it.
func (b *batchRun) stateDir() (dir string, remove func(), err error) {
	if !b.o.answer.sandbox {
		dir, err = b.s.stateDir()
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "narada-batch-")
	if err != nil {
		return "", nil, &exitError{code: codeUnexpected, text: err.Error(), err: err}
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// place finds the batch in the ledger, or makes its place there. earlier reports
// whether it was there.
func (b *batchRun) place(ctx context.Context, kept *ledger.Ledger, book *batchBook, c *cloud, keys []batch.Key) (earlier bool, err error) {
	was, earlier, err := kept.Batch(ctx, b.name)
	if err != nil {
		return false, err
	}
	input := b.source.name
	if abs, err := filepath.Abs(input); err == nil && input != "-" {
		input = abs
	}
	is := ledger.Batch{Number: was.Number, Name: b.name, BegunAt: b.s.app.start, Input: input, Cloud: c.baseURL.String(), Lines: b.total}
	if earlier {
		if was.Cloud != is.Cloud {
			return false, usageError("--name gives this one another name", "the batch %q is of the cloud at %s, and this is %s", b.name, was.Cloud, is.Cloud)
		}
		if err := b.compare(ctx, kept, was, input, keys); err != nil {
			return false, err
		}
	}
	book.number, err = kept.PutBatch(ctx, is)
	return earlier, err
}

// compare notices an input that has changed since the batch was run last.
func (b *batchRun) compare(ctx context.Context, kept *ledger.Ledger, was ledger.Batch, input string, keys []batch.Key) error {
	tally, err := kept.Tally(ctx, was.Number)
	if err != nil {
		return err
	}
	sent, known := tally.Sent(), 0
	list := make([][]byte, len(keys))
	for i := range keys {
		list[i] = keys[i][:]
	}
	if known, err = kept.CountItems(ctx, was.Number, list); err != nil {
		return err
	}
	if sent > 0 && known == 0 {
		return usageError("--name gives this one another name", "the batch %q was made of another input: no line of %s is among the %d that were sent of %s", b.name, input, sent, was.Input)
	}
	if gone := sent - known; gone > 0 {
		b.s.talk.Warn("changed", fmt.Sprintf("the input has changed: %d line%s that %s sent %s no longer in it; narada batch results %s has the results",
			gone, plural(gone != 1), were(gone), are(gone), shellQuote(b.name)))
	} else if was.Lines != b.total {
		b.s.talk.Info("changed", fmt.Sprintf("the input has changed: it had %d lines, and has %d", was.Lines, b.total))
	}
	return nil
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// misfit lists how a line's data differ from what was asked for.
func (b *batchRun) misfit(o batch.Outcome) []string {
	if b.o.task.noValidate || o.Result == nil {
		return nil
	}
	want := b.template.Plan.Schema
	if o.Object["responseFormat"] != nil {
		plan, err := b.planLine(o.Line)
		if err != nil {
			return nil // it was sent, so it could be planned
		}
		want = plan.Schema
	}
	violations, err := expectation{want, true}.violations(o.Result)
	if err != nil {
		return []string{err.Error()}
	}
	var list []string
	for _, v := range violations {
		list = append(list, strings.TrimPrefix(v.Pointer+": "+v.Message, ": "))
	}
	return list
}

// finish sends what is to be sent, and says how it went.
func (b *batchRun) finish(ctx context.Context, out *batchResults, run *batch.Run, earlier bool) error {
	s := b.s
	wish := s.app.patience.wish()
	done := make(chan struct{})
	interrupted := false
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-wish:
			interrupted = true
			t := run.Tally()
			s.talk.Warn("interrupted", fmt.Sprintf("no more tasks are sent; %d %s in flight, and waited for: Ctrl-C again leaves them", t.InFlight, are(t.InFlight)))
			run.Stop(&signalError{os.Interrupt})
		case <-done:
		}
	}()
	err := run.Recover(ctx, b.lines())
	if earlier {
		s.talk.Info("resuming", resumingLine(run.Tally()))
	}
	if err == nil {
		err = out.publish()
	}
	if err == nil {
		shown := s.talk.Show("batch", "running "+b.name, &batchMeter{run: run})
		err = run.Send(ctx, b.lines())
		shown()
	}
	close(done)
	<-watching
	if closeErr := out.Close(); err == nil || closeErr != nil && !interrupted && ctx.Err() == nil {
		err = errors.Join(err, closeErr)
	}
	t := run.Tally()
	b.summarize(t, time.Now())
	return b.verdict(ctx, t, err)
}

// lockBatch keeps other processes from the batch.
func (s *session) lockBatch(dir, name string) (unlock func(), err error) {
	unlock, err = batch.Lock(dir, name)
	if taken, ok := errors.AsType[*batch.TakenError](err); ok {
		return nil, usageError("--name runs it beside that as a batch of its own, and sends its tasks a second time", "%v", taken)
	}
	if err != nil {
		return nil, &exitError{code: codeUnexpected, text: err.Error(), err: err}
	}
	return unlock, nil
}
