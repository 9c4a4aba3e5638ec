package units

import "testing"

func TestANounHasItsNumber(t *testing.T) {
	for want, got := range map[string]string{
		"0 callbacks": Count(0, "callback"), "1 callback": Count(int64(1), "callback"), "2 callbacks": Count(2, "callback"),
		"1 credit": Count(1.0, "credit"), "1.5 credits": Count(1.5, "credit"), "1000000 credits": Count(1e6, "credit"), "0.00001 credits": Count(0.00001, "credit"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
