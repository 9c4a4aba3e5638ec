package cmd

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/usage"
)

// prepare completes the batch's options with the flags and settings.
func (r *batchRun) prepare(ctx context.Context, path string) (err error) {
	inv, o, b := r.inv, r.o, &r.o.batch
	if err := cmp.Or(o.check(inv), o.junit.check(path, b.Results, o.task.Schema, o.task.file, o.answer.rules)); err != nil {
		return err
	}
	if b.Name == "" {
		b.Name = batch.NameOf(path)
	}
	if o.failFast {
		b.MaxFailures = 1
	}
	b.Path, b.Start, b.Timeout, b.Stdout = path, inv.app.start, inv.duration(config.Timeout), toStdout(inv)
	b.JUnit, b.Visible = o.junit.path, visible(inv)
	b.Masker, b.Hide, b.Report, b.Confirm = inv.masker, inv.masker.Hide, r.report, r.confirmRestart
	if o.task.dryRun {
		b.Results = "" // the file has results, and no requests
	}
	b.Text, b.Width = o.onStdout() && !o.out.asJSON(inv.app.StdoutTerminal), lineWidth(inv.app)
	if o.out.jq != "" {
		if b.Query, err = output.ParseQuery(ctx, o.out.jq); err != nil {
			return usage.Errorf("", "--jq: %v", err)
		}
	}
	if !o.task.NoValidate {
		b.Check = (*schema.Schema).CheckAnswer
	}
	b.Via, b.Source, b.Machine = o.answer.via, &inv.source, inv.app.Machine
	b.Share = b.Share || b.NoWork || sharesLedger(inv) && !o.answer.sandbox
	if err := cmp.Or(o.input(), r.stdin()); err != nil {
		return err
	}
	b.Template, err = r.template()
	return err
}

// confirmRestart asks, on a terminal, before lines are sent again.
func (r *batchRun) confirmRestart(ctx context.Context, sent, open int) error {
	ask := r.inv.app.StdinTerminal && r.inv.app.StderrTerminal && !r.o.yes
	return confirm(ctx, r.inv, fmt.Sprintf("send all lines of the batch %q again? %s", r.o.batch.Name, batch.Restarted{Sent: sent, Open: open}.Text()), !ask, "")
}

// input sets the format of the file.
func (o *batchRunOptions) input() (err error) {
	b := &o.batch
	switch {
	case b.Format != "":
	case b.Path == "-" && o.prompt+o.comma != "":
		b.Format = batch.CSV
	default:
		b.Format, b.ByName = batch.FormatOf(b.Path), true
	}
	table := b.Format == batch.CSV || b.Format == batch.TSV
	for flag, value := range map[string]string{"prompt": o.prompt, "delimiter": o.comma} {
		if value != "" && !table {
			return usage.Errorf("for a table, add --format csv", "--%s requires a table, and the format is %s", flag, b.Format)
		}
	}
	if o.prompt != "" {
		if b.Prompt, err = batch.ParsePrompt(o.prompt); err != nil {
			return usage.Errorf("write {{.company}} for the column company", "--prompt: %v", err)
		}
	}
	if b.Delimiter, err = batch.ParseDelimiter(o.comma); err != nil {
		return usage.Errorf("", "--delimiter: %v", err)
	}
	return nil
}

// stdin takes standard input, if it is the input, and the file that it is redirected
// from.
func (r *batchRun) stdin() (err error) {
	switch {
	case r.o.batch.Path != "-":
		return nil
	case r.inv.app.StdinTerminal:
		return usage.Errorf("narada batch run FILE", "stdin is a terminal: pipe the tasks in")
	}
	if r.o.batch.Stdin, err = r.inv.source.TakeStdin(); err != nil {
		return usage.Errorf("", "%v", err)
	}
	if reader, ok := r.o.batch.Stdin.(*signals.Reader); ok {
		if f, ok := reader.Source.(*os.File); ok {
			r.o.batch.StdinFile, _ = f.Stat()
		}
	}
	return nil
}

// template makes the common part of the tasks.
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
	return t, nil
}

// onStdout reports whether stdout gets the results.
func (o *batchRunOptions) onStdout() bool { return o.batch.Results == "" || o.batch.Results == "-" }

// minLease is the minimum of --lease.
const minLease = time.Second

// check checks the values of the flags, and which of them are used together.
func (o *batchRunOptions) check(inv *invocation) (err error) {
	b := &o.batch
	if err := o.answer.check(inv); err != nil {
		return err
	}
	if o.rate != "" {
		if b.Rate, err = batch.ParseRate(o.rate); err != nil {
			return usage.Errorf("", "--rate: %v", err)
		}
	}
	if o.out.format == output.Text && !o.onStdout() {
		return usage.Errorf("leave out --output: the file has JSON lines, which narada batch results -o text prints as text", "--output text and --results FILE cannot be used together")
	}
	if math.IsInf(b.MaxCredits, 0) {
		return usage.Errorf("", "--max-credits: not a finite number")
	}
	if b.Name != "" {
		if err := batch.CheckName(b.Name); err != nil {
			return usage.Errorf("", "--name: %v", err)
		}
	}
	if o.answer.sandbox && (b.Share || b.NoWork) {
		return usage.Errorf("start narada sandbox, and use its address", "--share and --no-work cannot be used together with --sandbox, whose ledger ends with the run")
	}
	return cmp.Or(
		checkWindows(b.Windows), usage.AtLeast("lease", b.Lease, minLease), usage.Exclusive(o.task.flags, "fail-fast", "max-failures"), usage.Exclusive(o.task.flags, "window", "window-pool"),
		usage.AtLeast("max-failures", b.MaxFailures, 0), usage.AtLeast("max-credits", b.MaxCredits, 0))
}

// checkWindows checks --window-pool.
func checkWindows(ids []string) error {
	for i, w := range ids {
		if w == "" || slices.Contains(ids[:i], w) {
			return usage.Errorf("", "--window-pool: empty or duplicate ID %q", w)
		}
		if err := narada.CheckWindowID(w); err != nil {
			return usage.Errorf("", "--window-pool: %v", err)
		}
	}
	return nil
}
