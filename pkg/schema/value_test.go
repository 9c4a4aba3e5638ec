package schema

import (
	"encoding/json"
	"testing"
)

func TestValuesAreEqualHoweverTheyAreWritten(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true}, {`1`, `1e0`, true}, {`10`, `1E+1`, true}, {`0.1`, `1e-1`, true}, {`0`, `-0.0e5`, true}, {`1200`, `12e2`, true},
		{`1`, `-1`, false}, {`1`, `10`, false}, {`9007199254740993`, `9007199254740992`, false}, {`1`, `"1"`, false}, {`0`, `false`, false},
		{`[1,{"a":2,"b":null}]`, `[1.0,{"b":null,"a":2.0}]`, true}, {`[]`, `{}`, false}, {`[1]`, `[1,1]`, false}, {`{"a":1}`, `{"b":1}`, false},
		{`null`, `[]`, false}, {`"a"`, `"a"`, true}, {`["a,"]`, `["a",""]`, false},
	}
	for _, test := range tests {
		a, errA := decode([]byte(test.a))
		b, errB := decode([]byte(test.b))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := equal(a, b); got != test.want || equal(b, a) != got {
			t.Errorf("%s = %s: got %v", test.a, test.b, got)
		}
		if _, _, got := duplicate([]any{a, b}); got != test.want {
			t.Errorf("[%s, %s] has a duplicate: got %v", test.a, test.b, got)
		}
	}
}

func TestIntegersHaveNoFraction(t *testing.T) {
	for number, want := range map[json.Number]bool{"0": true, "-0.00": true, "3.0": true, "1.5e1": true, "1e3": true, "15e-1": false, "100e-2": true, "0.1": false, "1e-1": false} {
		if got := decimalOf(number).isInteger(); got != want {
			t.Errorf("%s: got %v", number, got)
		}
	}
}
