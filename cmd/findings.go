package cmd

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/fatih/color"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/term"
)

// printFindings prints each finding as soon as there is one, if asked to with how long
// it took, and says at the end, as the event, how many there were of each verdict. The
// error has the exit code.
func printFindings(ctx context.Context, inv *invocation, p *printer, event string, found iter.Seq[contract.Finding], timed bool) error {
	count := map[contract.Verdict]int{}
	for f := range found {
		count[f.Verdict]++
		if err := printFinding(inv, p, f, timed); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": the tests that are left were not made"}
	}
	inv.talk.Info(event, fmt.Sprintf("%d passed, %d warned, %d failed, %d skipped", count[contract.Pass], count[contract.Warn], count[contract.Fail], count[contract.Skip]))
	if count[contract.Fail] > 0 {
		return silent(codeFailed)
	}
	return nil
}

func printFinding(inv *invocation, p *printer, f contract.Finding, timed bool) error {
	if p.json {
		return p.Value(struct {
			Test       string           `json:"test"`
			Verdict    contract.Verdict `json:"verdict"`
			Detail     string           `json:"detail"`
			Advice     *string          `json:"advice"`
			DurationMS float64          `json:"durationMs"`
		}{f.Test, f.Verdict, f.Detail, present(f.Advice), milliseconds(f.Duration)})
	}
	line := fmt.Sprintf("  %-19s  %s", f.Test, term.OneLine(f.Detail))
	if timed && f.Duration >= time.Millisecond {
		line += " [" + roundDuration(f.Duration).String() + "]"
	}
	if f.Advice != "" {
		line += "\n      " + f.Advice
	}
	c := color.New(map[contract.Verdict]color.Attribute{
		contract.Pass: color.FgGreen, contract.Warn: color.FgYellow, contract.Fail: color.FgRed, contract.Skip: color.Faint,
	}[f.Verdict])
	c.DisableColor()
	if term.Color(term.ColorMode(inv.settings.Get(config.ColorMode).Text), inv.app.getenv, inv.app.StdoutTerminal) {
		c.EnableColor()
	}
	return p.Led(c.Sprint(string(f.Verdict)), line)
}
