package cmd

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/task"
)

// options makes the batch's options of the flags and settings.
func (r *batchRun) options(ctx context.Context) (o batch.Options, err error) {
	inv, f := r.inv, r.o
	o = batch.Options{
		Name: r.name, Path: r.path, Start: inv.app.start, Windows: f.windows,
		Concurrency: f.concurrency, Timeout: inv.duration(config.Timeout), RetryFailed: f.retryFailed, ResendUnknown: f.resendUnknown,
		MaxFailures: f.maxFailures, MaxCredits: f.maxCredits,
		Results: f.results, Stdout: inv.app.Stdout, Ordered: f.ordered, Hide: inv.redactor.Hide, Report: r.report,
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
	if !f.task.NoValidate {
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
	pool := len(r.o.windows) > 0
	r.o.task.OwnCallback, r.o.task.AnyWindow = true, r.o.answer.sandbox || pool
	spec, err := r.o.task.spec(r.inv)
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
	return rate, o.checkWindows()
}

func (o *batchRunOptions) checkWindows() error {
	for i, w := range o.windows {
		if w == "" || slices.Contains(o.windows[:i], w) {
			return usageError("", "--window-pool: %q is empty or there twice", w)
		}
	}
	if len(o.windows) > 0 && o.task.flags.Changed("window") {
		return usageError("leave one of them out", "--window and --window-pool each say where tasks run")
	}
	return nil
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
