package cmd

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/task"
)

// prepare completes the batch's options with what the flags and settings ask for.
func (r *batchRun) prepare(ctx context.Context, path string) (err error) {
	inv, o, b := r.inv, r.o, &r.o.batch
	if err := o.check(); err != nil {
		return err
	}
	if b.Name == "" {
		b.Name = batch.NameOf(path)
	}
	if o.failFast {
		b.MaxFailures = 1
	}
	b.Path, b.Start, b.Timeout, b.Stdout = path, inv.app.start, inv.duration(config.Timeout), inv.app.Stdout
	b.Hide, b.Report = inv.masker.Hide, r.report
	if inv.app.StdoutTerminal {
		b.Stdout = inv.log.Over(b.Stdout)
	}
	if o.jq != "" {
		if b.Query, err = output.ParseQuery(ctx, o.jq); err != nil {
			return usageError("", "--jq: %v", err)
		}
	}
	if !o.task.NoValidate {
		b.Check = schemaErrors
	}
	if err := o.input(); err != nil {
		return err
	}
	if path == "-" {
		if err := r.stdin(); err != nil {
			return err
		}
	}
	b.Template, err = r.template()
	return err
}

// input says how the file is read.
func (o *batchRunOptions) input() (err error) {
	b := &o.batch
	switch {
	case o.format != "":
		b.Format = batch.Format(o.format)
	case b.Path == "-" && o.prompt != "":
		b.Format = batch.CSV
	default:
		b.Format = batch.FormatOf(b.Path)
	}
	switch b.Format {
	case batch.Text, batch.JSONL:
		if o.prompt != "" {
			return usageError("--format csv, if it is a table", "--prompt is for tables, and the format is %s", b.Format)
		}
	case batch.CSV, batch.TSV:
		if o.prompt != "" {
			if b.Prompt, err = batch.ParsePrompt(o.prompt); err != nil {
				return usageError("{{.company}} is the column company", "--prompt: %v", err)
			}
		}
	default:
		return usageError("", "--format: %q is not text, jsonl, csv or tsv", o.format)
	}
	return nil
}

// stdin takes standard input, and describes the file that it was redirected from, if
// it was.
func (r *batchRun) stdin() (err error) {
	if r.inv.app.StdinTerminal {
		return usageError("narada batch run FILE", "stdin is a terminal: pipe the tasks in")
	}
	if r.o.batch.Stdin, err = r.inv.source.TakeStdin(); err != nil {
		return usageError("", "%v", err)
	}
	if reader, ok := r.o.batch.Stdin.(*signals.Reader); ok {
		if f, ok := reader.Source.(*os.File); ok {
			r.o.batch.StdinFile, _ = f.Stat()
		}
	}
	return nil
}

// template makes what all tasks have in common.
func (r *batchRun) template() (*task.Template, error) {
	pool := len(r.o.batch.Windows) > 0
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
	r.inv.masker.Hide(t.Plan.Secrets...)
	r.inv.warnOfTask(t.Plan.Warnings)
	return t, nil
}

// check finds flags that do not go together, or make no sense.
func (o *batchRunOptions) check() (err error) {
	b := &o.batch
	if err := o.answer.check(); err != nil {
		return err
	}
	if o.rate != "" {
		if b.Rate, err = parseRate(o.rate); err != nil {
			return usageError("", "--rate: %v", err)
		}
	}
	switch {
	case o.failFast && b.MaxFailures > 0:
		return usageError("leave one of them out", "--fail-fast is --max-failures 1")
	case b.Concurrency < 1:
		return usageError("", "--concurrency: %d is less than 1", b.Concurrency)
	case b.MaxFailures < 0:
		return usageError("", "--max-failures: %d is less than 0", b.MaxFailures)
	case !(b.MaxCredits >= 0) || math.IsInf(b.MaxCredits, 0):
		return usageError("", "--max-credits: %g is not a number from 0 up", b.MaxCredits)
	case b.Name != "" && batch.CheckName(b.Name) != nil:
		return usageError("", "--name: %v", batch.CheckName(b.Name))
	}
	return o.checkWindows()
}

func (o *batchRunOptions) checkWindows() error {
	b := &o.batch
	for i, w := range b.Windows {
		if w == "" || slices.Contains(b.Windows[:i], w) {
			return usageError("", "--window-pool: %q is empty or there twice", w)
		}
	}
	if len(b.Windows) > 0 && o.task.flags.Changed("window") {
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
