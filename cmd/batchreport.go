package cmd

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// report shows the bar while the batch runs, then the summary, and logs the other events.
func (r *batchRun) report(event batch.Event) {
	log := r.inv.log
	switch e := event.(type) {
	case batch.Sending:
		if !isDevice(r.o.batch.Results) { // perhaps the terminal of the bar
			r.hide = log.Show("batch", "running "+r.o.batch.Name, term.CountMeter(r.count))
		}
	case batch.AnswersNotStored:
		r.inv.warnOfLedger(e.Err, units.Count(e.Answers, "answer")+" not stored, which only the output of this run has")
	case batch.EarlierKept:
		log.Warn("results", fmt.Sprintf("%s keeps %s whose answers are not in the ledger; delete it when you do not need them", e.Path, units.Count(e.Lines, "earlier result")))
	case batch.ResultsIncomplete:
		warnWithHint(r.inv, "results", "", r.explain(e.Err))
	case batch.Ended:
		if r.hide != nil {
			r.hide()
		}
		r.summarize(e.Tally)
	default:
		logBatchEvent(r.inv, r.o.batch.Name, event)
	}
}

// isDevice reports whether a path is that of a device, such as a terminal, except the null
// device.
func isDevice(path string) bool {
	info, err := os.Stat(path)
	return err == nil && path != os.DevNull && info.Mode()&os.ModeCharDevice != 0
}

// count is what the bar shows.
func (r *batchRun) count() term.Count {
	t, now := r.progress(), time.Now()
	note := fmt.Sprintf("%d failed, %d in flight, ", t.Failed(), t.InFlight)
	if t.Unknown > 0 {
		note += fmt.Sprintf("%d unknown, ", t.Unknown)
	}
	note += units.Rate(t.Rate(now))
	if left := t.Remaining(now); left > 0 {
		note += ", " + units.Round(left).String() + " left"
	}
	return term.Count{Done: t.Ended, Total: t.Total, Note: note}
}

// summarize reports the state of the batch at the end.
func (r *batchRun) summarize(t batch.Tally) {
	log, took := r.inv.log, time.Since(r.inv.app.start)
	r.inv.summary.Batch(r.o.batch.Name, t, took)
	log.Info("summary", fmt.Sprintf("%s: %s; %s, %s, in %s", units.Count(t.Total, "line"), t.Text(),
		units.Count(t.Actions, "action"), units.Count(t.Credits, "credit"), units.Round(took)),
		slog.Any("counts", t.Counts), slog.Any("total", t.Total), slog.Any("sent", t.Sent), slog.Any("earlier", t.Earlier), slog.Any("unfinished", t.Unfinished),
		slog.Any("actions", t.Actions), slog.Any("credits", t.Credits))
	if len(t.Slowest) > 0 {
		var slowest []string
		for _, one := range t.Slowest {
			slowest = append(slowest, one.Line.Name()+" "+units.Round(one.Took).String())
		}
		log.Info("slowest", "slowest: "+strings.Join(slowest, ", "))
	}
	r.failed(t)
	if t.Counts[store.StatusUnknown] > 0 {
		log.Hint("check in the cloud which of the unknown tasks run; --resend-unknown sends them again")
	}
	if n := t.Counts[batch.StatusPruned]; n > 0 {
		log.Hint(units.Count(n, "line") + " pruned: tasks and answers are no longer in the ledger; --restart sends all lines again")
	}
	if t.Recovered == t.Total && t.Counts[store.StatusUnknown]+t.Counts[batch.StatusPruned] == 0 {
		retry := ""
		if t.Failed() > 0 {
			retry = "--retry-failed sends the failed ones again, "
		}
		log.Hint("nothing was sent: all lines have finished; " + retry + "--restart sends all lines again")
	}
}

// failed reports the first lines that did not succeed: only their names where the terminal has
// just shown them with their reasons.
func (r *batchRun) failed(t batch.Tally) {
	if len(t.FirstFailed) == 0 {
		return
	}
	log, app := r.inv.log, r.inv.app
	if r.o.batch.Text && app.StdoutTerminal && app.StderrTerminal && r.inv.logFormat != output.JSON {
		log.Info("failed", "failed: "+term.OneLine(t.FailedText()))
		r.showHint()
		return
	}
	for _, o := range t.FirstFailed {
		log.Info("failed", term.OneLine(o.Text()), slog.Any("line", o.Line.Number), requestField(o.RequestID))
	}
	if more := t.Failed() - len(t.FirstFailed); more > 0 {
		log.Info("failed", fmt.Sprintf("and %d more", more))
		r.showHint()
	}
}

// showHint says how to see the lines that did not succeed.
func (r *batchRun) showHint() {
	if !r.o.answer.sandbox {
		r.inv.log.Hint("see them: narada batch show " + output.ShellWord(r.o.batch.Name))
	}
}

// logChangedInput reports how the input differs from that of the last run.
func logChangedInput(inv *invocation, name string, e batch.InputChanged) {
	const changed = "the input has changed: "
	if n := e.Gone; n > 0 {
		inv.log.Warn("changed", changed+"missing "+units.Count(n, "line")+" sent before; print the results: narada batch results "+output.ShellWord(name))
	} else if e.WasLines != e.Lines {
		inv.log.Info("changed", fmt.Sprintf("%sit had %d lines, now %d", changed, e.WasLines, e.Lines))
	}
	if n := e.Different; n > 0 {
		inv.log.Warn("changed", changed+units.Count(n, "line")+
			" with different content under the same id; the answers are for the content that was sent. To send a line again, change its id; --restart sends all lines again")
	}
}

// explain words an error of the batch for people.
func (r *batchRun) explain(err error) error {
	if errors.Is(err, batch.ErrTimeLimit) {
		return &exitError{code: codeUnfinished, text: err.Error() + " (--timeout): nothing was sent", err: err}
	}
	if is[*batch.InputError](err) || is[*batch.OtherBatchError](err) || is[*batch.TakenError](err) {
		return usage.Errorf(ownHint(err), "%v", err)
	}
	if e, ok := errors.AsType[*batch.ResultsError](err); ok {
		failure := &exitError{code: codeUnexpected, text: "--results: " + e.Error(), err: e}
		if e.Report {
			failure.text = "--junit: " + e.Error()
		}
		switch {
		case e.Usage:
			failure.code = codeUsage
		case e.Report && !r.o.answer.sandbox:
			failure.next = "write it from the ledger: " + againJUnit(r.o.batch.Name, e.Path)
		case !r.o.answer.sandbox:
			failure.next = "print the results from the ledger: narada batch results " + output.ShellWord(r.o.batch.Name)
		}
		return failure
	}
	return err
}
