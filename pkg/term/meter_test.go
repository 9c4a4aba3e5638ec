package term

import (
	"strings"
	"testing"
)

func TestCountMeterShowsDoneAndTotal(t *testing.T) {
	c := Count{Done: 1, Total: 4, Note: "2 failed"}
	m := CountMeter(func() Count { return c })
	if text := m.Text(); text != "1 of 4 done, 2 failed" {
		t.Errorf("got %q", text)
	}
	first := m.Draw()
	c.Done, c.Note = 9, "3 failed" // more than the total
	second := m.Draw()
	for got, want := range map[string][]string{first: {"25%", "(1/4)", ", 2 failed"}, second: {"100%", "(4/4)", ", 3 failed"}} {
		for _, part := range want {
			if !strings.Contains(got, part) || strings.ContainsAny(got, "\r\n") {
				t.Errorf("%q has no %q", got, part)
			}
		}
	}
}
