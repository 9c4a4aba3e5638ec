package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// batchMeter shows how far a batch is.
type batchMeter struct {
	run *batch.Run
	bar *progressbar.ProgressBar
}

// Draw implements term.Meter.
func (m *batchMeter) Draw() string {
	t := m.run.Tally()
	if m.bar == nil {
		m.bar = progressbar.NewOptions(t.Total, progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(16),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	if err := m.bar.Set(min(t.Ended, t.Total)); err != nil {
		return m.Text()
	}
	return strings.TrimSpace(m.bar.String()) + ", " + progressRest(t)
}

// Text implements term.Meter.
func (m *batchMeter) Text() string {
	t := m.run.Tally()
	return fmt.Sprintf("%d of %d done, %s", t.Ended, t.Total, progressRest(t))
}

// progressRest is what a bar does not show.
func progressRest(t batch.Tally) string {
	now := time.Now()
	text := fmt.Sprintf("%d failed, %d in flight, %s", t.Failed(), t.InFlight, formatRate(t.Rate(now)))
	if left := t.Left(now); left > 0 {
		text += ", " + units.Round(left).String() + " left"
	}
	return text
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

// resumingLine says what earlier runs have done.
func resumingLine(t batch.Tally) string {
	return fmt.Sprintf("going on with an earlier run: %d of %d lines have ended", t.Ended, t.Total)
}

// summarize says how the batch stands at the end.
func (b *batchRun) summarize(t batch.Tally, now time.Time) {
	talk := b.inv.talk
	var counts []string
	for _, name := range slices.Sorted(maps.Keys(t.Counts)) {
		counts = append(counts, fmt.Sprintf("%d %s", t.Counts[name], name))
	}
	if t.Unfinished > 0 {
		counts = append(counts, fmt.Sprintf("%d unfinished", t.Unfinished))
	}
	if rest := t.Total - t.Ended - t.Unfinished; rest > 0 {
		counts = append(counts, fmt.Sprintf("%d not sent", rest))
	}
	talk.Info("summary", fmt.Sprintf("%d line%s: %s; %d action%s, %g credit%s, in %s", t.Total, plural(t.Total != 1), strings.Join(counts, ", "),
		t.Actions, plural(t.Actions != 1), t.Credits, plural(t.Credits != 1), units.Round(now.Sub(b.inv.app.start))),
		slog.Any("counts", t.Counts), slog.Any("total", t.Total), slog.Any("unfinished", t.Unfinished),
		slog.Any("actions", t.Actions), slog.Any("credits", t.Credits))
	if len(t.Slowest) > 0 {
		var slowest []string
		for _, one := range t.Slowest {
			slowest = append(slowest, fmt.Sprintf("%s %s", batch.Line{Number: one.Line, ID: one.ID}.Name(), units.Round(one.Took)))
		}
		talk.Info("slowest", "slowest: "+strings.Join(slowest, ", "))
	}
	for _, o := range t.Worst {
		talk.Info("failed", failedLine(o), slog.Any("line", o.Line.Number), slog.Any("requestId", o.RequestID))
	}
	if more := t.Failed() - len(t.Worst); more > 0 {
		text := fmt.Sprintf("and %d more", more)
		if !b.o.answer.sandbox { // whose ledger is gone
			text += ": narada batch show " + output.ShellWord(b.name)
		}
		talk.Info("failed", text)
	}
	if t.Counts[string(batch.StatusUnknown)] > 0 {
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
	case len(o.Misfit) > 0:
		text += ", but its data does not fit the schema: " + o.Misfit[0]
	case o.Phase == batch.Refused:
		text += ": " + o.Failure
	}
	return term.OneLine(text)
}

// verdict is the error with the batch's exit code.
func (b *batchRun) verdict(ctx context.Context, t batch.Tally, err error) error {
	sig, interrupted := errors.AsType[*signalError](err)
	var said *exitError
	switch {
	case interrupted && t.Ended == t.Total && ctx.Err() == nil: // there was nothing to stop any more
	case interrupted:
		e := &exitError{code: codeUnfinished, text: fmt.Sprintf("%s: %d of %d lines have ended", sig.Error(), t.Ended, t.Total), next: b.resume()}
		if ctx.Err() == nil { // the sending was stopped, and those in flight have ended
			e.code = codeSignal
		}
		return e
	case errors.Is(err, batch.ErrFailures), errors.Is(err, batch.ErrCredits), errors.Is(err, batch.ErrWindows):
		if t.Ended == t.Total {
			break
		}
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%v: %d of %d lines have ended", err, t.Ended, t.Total), next: b.resume()}
	case errors.As(err, &said):
		return err
	case err != nil:
		if err = explainDispatch(err); hintOf(err) == "" || exitCode(err) == codeUnreachable {
			err = &exitError{code: exitCode(err), text: err.Error(), next: b.resume(), err: err}
		}
		return err
	}
	switch {
	case t.Unfinished > 0 || t.Ended < t.Total:
		return &exitError{code: codeUnfinished, text: fmt.Sprintf("%d of %d lines have not ended", t.Total-t.Ended, t.Total), next: b.resume()}
	case t.Failed() > 0:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d lines have not succeeded", t.Failed(), t.Total)}
	}
	return nil
}

// resume is the command that goes on with the batch; "" for a sandbox's. The same
// limit on credits would stop it again.
func (b *batchRun) resume() string {
	if b.o.answer.sandbox {
		return ""
	}
	words := []string{"narada"}
	for i, arg := range b.inv.app.Args {
		const limit = "--max-credits"
		switch {
		case i > 0 && b.inv.app.Args[i-1] == limit:
			arg = "MORE"
		case strings.HasPrefix(arg, limit+"="):
			arg = limit + "=MORE"
		}
		words = append(words, output.ShellWord(arg))
	}
	text := strings.Join(words, " ")
	if b.source.name == "-" {
		text += " < the same input"
	}
	return text
}
