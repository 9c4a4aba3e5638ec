package batch

import "testing"

func TestRatesAreParsed(t *testing.T) {
	for text, want := range map[string]float64{"5/s": 5, "30/m": 0.5, "36/h": 0.01, "2.5": 2.5} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "fast", "0/s", "-1/s", "NaN", "inf/s", "5/d", "5/s/s", "2e6/s"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
