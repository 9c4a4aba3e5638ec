package contract

import (
	"cmp"

	"github.com/narada-cli/narada/pkg/junit"
)

// TestCase returns the finding as a test case of a report.
func (f Finding) TestCase() junit.Case {
	c := junit.Case{Name: f.Test, Time: f.Duration}
	switch f.Verdict {
	case Fail:
		c.Outcome, c.Type, c.Message, c.Text = junit.Failed, string(f.Verdict), cmp.Or(f.Detail, string(f.Verdict)), f.Advice
	case Warn:
		c.Properties = []junit.Property{{Name: "warning", Value: f.Detail}}
	case Skip:
		c.Outcome, c.Message = junit.Skipped, f.Detail
	}
	return c
}

// NotRun returns the tests that are not among the cases, as skipped ones.
func NotRun(cases []junit.Case) (list []junit.Case) {
	ran := map[string]bool{}
	for _, c := range cases {
		ran[c.Name] = true
	}
	for _, t := range Tests() {
		if !ran[t.Name] {
			list = append(list, junit.Case{Name: t.Name, Outcome: junit.Skipped, Message: "not run"})
		}
	}
	return list
}
