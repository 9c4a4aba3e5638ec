package cmd

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
)

// batchReporter words the events of a batch run.
type batchReporter struct {
	inv      *invocation
	name     string
	kept     bool // the ledger is there afterwards
	progress func() batch.Tally
	hide     func() // the bar, once it is shown
}

// report words an event.
func (r *batchReporter) report(event batch.Event) {
	talk := r.inv.talk
	switch e := event.(type) {
	case batch.LineRejected:
		talk.Text("line", e.Err.Error())
	case batch.LineWarned:
		talk.Warn("task", fmt.Sprintf("line %d: %s", e.Number, e.Text))
	case batch.MoreWarnings:
		talk.Warn("task", fmt.Sprintf("there are %d further warnings", e.Count))
	case batch.InputChanged:
		r.changed(e)
	case batch.Resumed:
		talk.Info("resuming", fmt.Sprintf("going on with an earlier run: %d of %d lines have ended", e.Tally.Ended, e.Tally.Total))
	case batch.Sending:
		r.hide = talk.Show("batch", "running "+r.name, term.NewCountMeter(r.count))
	case batch.Stopping:
		talk.Warn("interrupted", fmt.Sprintf("no more tasks are sent; %d %s in flight, and waited for: Ctrl-C again leaves them", e.InFlight, verb(e.InFlight, "is", "are")))
	case batch.Ended:
		if r.hide != nil {
			r.hide()
		}
		r.summarize(e.Tally)
	}
}

// changed says how the input differs from that of the last run.
func (r *batchReporter) changed(e batch.InputChanged) {
	if n := e.Gone; n > 0 {
		r.inv.talk.Warn("changed", fmt.Sprintf("the input has changed: %d line%s that %s sent %s no longer in it; narada batch results %s has the results",
			n, plural(n != 1), verb(n, "was", "were"), verb(n, "is", "are"), shellQuote(r.name)))
	} else if e.WasLines != e.Lines {
		r.inv.talk.Info("changed", fmt.Sprintf("the input has changed: it had %d lines, and has %d", e.WasLines, e.Lines))
	}
	if n := e.Different; n > 0 {
		r.inv.talk.Warn("changed", fmt.Sprintf("the input has changed: %d line%s %s something else in %s than when %s sent, under the same id; the answers are to what was sent. With another id %s sent again",
			n, plural(n != 1), verb(n, "has", "have"), verb(n, "it", "them"), verb(n, "it was", "they were"), verb(n, "it is", "they are")))
	}
}

// count is what the bar shows.
func (r *batchReporter) count() term.Count {
	t, now := r.progress(), time.Now()
	note := fmt.Sprintf("%d failed, %d in flight, %s", t.Failed(), t.InFlight, formatRate(t.Rate(now)))
	if left := t.Remaining(now); left > 0 {
		note += ", " + roundDuration(left).String() + " left"
	}
	return term.Count{Done: t.Ended, Total: t.Total, Note: note}
}

// formatRate words tasks a second.
func formatRate(rate float64) string {
	switch {
	case rate == 0:
		return "0/s"
	case rate < 0.1:
		return fmt.Sprintf("%.1f/min", rate*60)
	case rate < 10:
		return fmt.Sprintf("%.1f/s", rate)
	}
	return fmt.Sprintf("%.0f/s", rate)
}

// countsText is "1 error, 2 success".
func countsText(counts map[narada.Status]int) string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d %s", counts[status], status))
	}
	return strings.Join(list, ", ")
}

// summarize says how the batch stands at the end.
func (r *batchReporter) summarize(t batch.Tally) {
	talk := r.inv.talk
	var counts []string
	if len(t.Counts) > 0 {
		counts = append(counts, countsText(t.Counts))
	}
	if t.Unfinished > 0 {
		counts = append(counts, fmt.Sprintf("%d unfinished", t.Unfinished))
	}
	if rest := t.Total - t.Ended - t.Unfinished; rest > 0 {
		counts = append(counts, fmt.Sprintf("%d not sent", rest))
	}
	talk.Info("summary", fmt.Sprintf("%d line%s: %s; %d action%s, %g credit%s, in %s", t.Total, plural(t.Total != 1), strings.Join(counts, ", "),
		t.Actions, plural(t.Actions != 1), t.Credits, plural(t.Credits != 1), roundDuration(time.Since(r.inv.app.start))),
		slog.Any("counts", t.Counts), slog.Any("total", t.Total), slog.Any("unfinished", t.Unfinished),
		slog.Any("actions", t.Actions), slog.Any("credits", t.Credits))
	if len(t.Slowest) > 0 {
		var slowest []string
		for _, one := range t.Slowest {
			slowest = append(slowest, one.Line.Name()+" "+roundDuration(one.Took).String())
		}
		talk.Info("slowest", "slowest: "+strings.Join(slowest, ", "))
	}
	for _, o := range t.FirstFailed {
		talk.Info("failed", failedLine(o), slog.Any("line", o.Line.Number), slog.Any("requestId", o.RequestID))
	}
	if more := t.Failed() - len(t.FirstFailed); more > 0 {
		text := fmt.Sprintf("and %d more", more)
		if r.kept {
			text += ": narada batch show " + shellQuote(r.name)
		}
		talk.Info("failed", text)
	}
	if t.Counts[store.StatusUnknown] > 0 {
		talk.Hint("look in the cloud; what surely does not run there, --resend-unknown sends again")
	}
}

// failedLine says what became of a line that did not succeed.
func failedLine(o batch.Outcome) string {
	text := o.Line.Name() + ": " + string(o.StatusName())
	if o.RequestID != "" {
		text += ", " + o.RequestID
	}
	switch {
	case len(o.SchemaErrors) > 0:
		text += ", but its data does not fit the schema: " + o.SchemaErrors[0]
	case o.Phase == batch.Refused:
		text += ": " + o.Failure
	}
	return term.OneLine(text)
}
