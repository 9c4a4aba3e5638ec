package units

import "testing"

func TestRateIsPerSecondOrPerMinute(t *testing.T) {
	for rate, want := range map[float64]string{0: "0/s", 0.05: "3.0/min", 0.1: "0.1/s", 2.54: "2.5/s", 10: "10/s", 123.4: "123/s"} {
		if got := Rate(rate); got != want {
			t.Errorf("%v: got %q, want %q", rate, got, want)
		}
	}
}
