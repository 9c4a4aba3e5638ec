package cmd

import (
	"fmt"
	"iter"
	"time"

	"github.com/fatih/color"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/term"
)

// tally counts verdicts.
type tally map[contract.Verdict]int

func (t tally) text() string {
	return fmt.Sprintf("%d passed, %d warned, %d failed, %d skipped", t[contract.Pass], t[contract.Warn], t[contract.Fail], t[contract.Skip])
}

// verdict is the error with the exit code.
func (t tally) verdict() error {
	if t[contract.Fail] > 0 {
		return silent(codeFailed)
	}
	return nil
}

// printFindings prints each finding as soon as there is one, if asked to with how long
// it took, and counts them.
func printFindings(inv *invocation, p *printer, found iter.Seq[contract.Finding], timed bool) (tally, error) {
	t := tally{}
	for f := range found {
		t[f.Verdict]++
		note := ""
		if timed && f.Duration >= time.Millisecond {
			note = " [" + roundDuration(f.Duration).String() + "]"
		}
		if err := printFinding(inv, p, f, note); err != nil {
			return t, err
		}
	}
	return t, nil
}

func printFinding(inv *invocation, p *printer, f contract.Finding, note string) error {
	if p.json {
		return p.Value(struct {
			Test       string           `json:"test"`
			Verdict    contract.Verdict `json:"verdict"`
			Detail     string           `json:"detail"`
			Advice     *string          `json:"advice"`
			DurationMS float64          `json:"durationMs"`
		}{f.Test, f.Verdict, f.Detail, present(f.Advice), milliseconds(f.Duration)})
	}
	line := fmt.Sprintf("  %-19s  %s", f.Test, term.OneLine(f.Detail)+note)
	if f.Advice != "" {
		line += "\n      " + f.Advice
	}
	return p.Led(paintVerdict(inv, f.Verdict), line)
}

// paintVerdict colours a verdict on a terminal.
func paintVerdict(inv *invocation, v contract.Verdict) string {
	c := color.New(map[contract.Verdict]color.Attribute{
		contract.Pass: color.FgGreen, contract.Warn: color.FgYellow, contract.Fail: color.FgRed, contract.Skip: color.Faint,
	}[v])
	c.DisableColor()
	if term.Color(term.ColorMode(inv.settings.Get(config.ColorMode).Text), inv.app.getenv, inv.app.StdoutTerminal) {
		c.EnableColor()
	}
	return c.Sprint(string(v))
}
