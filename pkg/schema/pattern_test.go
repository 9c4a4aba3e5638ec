package schema

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestPatternsFollowECMA262(t *testing.T) {
	tests := map[string]struct{ match, other []string }{
		`^\s$`:                       {[]string{" ", "\u00a0", "\ufeff", "\u2003", "\u2028", "\t", "\n"}, []string{"x", "\u200b", "\u0085"}},
		`^\S$`:                       {[]string{"x"}, []string{"\u00a0", "\ufeff"}},
		`^\d+$`:                      {[]string{"0123456789"}, []string{"٣", "３"}},
		`^\w$`:                       {[]string{"_"}, []string{"é"}},
		`^a$`:                        {[]string{"a"}, []string{"a\n"}},
		`^.$`:                        {[]string{"😀", "é"}, []string{"\n", "\u2028"}},
		`^(?=.*\d)(?=.*[a-z]).{4,}$`: {[]string{"abc1"}, []string{"abcd", "1234", "a1"}},
		`^(?!admin$)[a-z]+$`:         {[]string{"administrator"}, []string{"admin"}},
		`(?<=\$)\d+`:                 {[]string{"$5"}, []string{"5"}},
		`^(?<!\$)5$`:                 {[]string{"5"}, []string{"$5"}},
		`^\p{Letter}+$`:              {[]string{"Straße", "日本"}, []string{"a1"}},
		`^\p{L}\P{L}$`:               {[]string{"é1"}, []string{"ab"}},
		`^\p{Script=Greek}+$`:        {[]string{"αβγ"}, []string{"abc"}},
		`^\p{sc=Grek}\p{Lu}$`:        {[]string{"αB"}, []string{"αb"}},
		`^(?<year>\d{4})-\k<year>$`:  {[]string{"2025-2025"}, []string{"2025-2024"}},
		`^\u{1F600}\u00e9$`:          {[]string{"😀é"}, []string{"u{1F600}é"}},
		`^[\w\-]+\/$`:                {[]string{"a-b/"}, []string{"/"}},
		`^\cC$`:                      {[]string{"\u0003"}, []string{"cC"}},
		`^(a)?\1b$`:                  {[]string{"b", "aab"}, []string{"ab"}},
	}
	for pattern, test := range tests {
		doc, err := json.Marshal(map[string]any{"pattern": pattern})
		if err != nil {
			t.Fatal(err)
		}
		s := mustCompile(t, string(doc))
		for i, text := range append(test.match, test.other...) {
			value, _ := json.Marshal(text)
			violations, err := s.Validate(value)
			if matches := err == nil && len(violations) == 0; matches != (i < len(test.match)) {
				t.Errorf("%s on %q: %v %v", pattern, text, violations, err)
			}
		}
	}
}

func TestBrokenPatternsAreErrors(t *testing.T) {
	for _, pattern := range []string{`(`, `a**`, `\p{Nonsense}`, `\p{Script=Klingon}`, `(?<a>x)(?<a>y)`, `[b-a]`, `\k<a>(?<b>x)`, `(?P<a>x)`} {
		doc, _ := json.Marshal(map[string]any{"pattern": pattern})
		if _, err := Compile(doc); err == nil || !strings.Contains(err.Error(), "is not valid regex: ") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestAPatternThatTakesTooLongIsAnError(t *testing.T) {
	for _, pattern := range []string{`^(a+)+$`, `^(a|a)*$`, `^(a|aa)+$`, `(x+x+)+y`} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			doc, _ := json.Marshal(map[string]any{"items": map[string]any{"pattern": pattern}})
			s := mustCompile(t, string(doc))
			text := `["` + strings.Repeat("a", 40) + strings.Repeat("x", 40) + `b"]`
			violations, err := s.Validate([]byte(text))
			if err != nil && !strings.Contains(err.Error(), "the pattern ") || len(violations) > 1 || err == nil && violations == nil {
				t.Errorf("%v %v", violations, err)
			}
			if violations, err := s.Validate([]byte(`["b"]`)); err != nil || len(violations) != 1 { // the schema is still usable
				t.Errorf("%v %v", violations, err)
			}
		})
	}
}

// Thirty schemas that each refer to the next one twice require a billion checks.
func TestACheckThatTakesTooLongIsAnError(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/a","$defs":{`)
	for i := range 30 {
		name := strings.Repeat("a", i+1)
		b.WriteString(`"` + name + `":{"allOf":[{"$ref":"#/$defs/` + name + `a"},{"$ref":"#/$defs/` + name + `a"}]},`)
	}
	b.WriteString(`"` + strings.Repeat("a", 31) + `":{"type":"string"}}}`)
	s := mustCompile(t, b.String())
	err := s.guard.run(50*time.Millisecond, func() { t.Errorf("got %v", s.root.Validate("x")) })
	if err == nil || err.Error() != "the check takes too long" {
		t.Errorf("got %v", err)
	}
}

func TestLargeSchemasAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ doc, want string }{
		"many subschemas": {`{"allOf":[` + strings.Repeat(`{},`, 100_000) + `{}]}`, "too large"},
		"a long pointer":  {`{"properties":{"` + strings.Repeat("a", 100_000) + `":{"allOf":[` + strings.Repeat(`true,`, 10_000) + `true]}}}`, "too large"},
		"deep":            {strings.Repeat(`{"not":`, 9000) + `{}` + strings.Repeat(`}`, 9000), "nested too deeply"},
	}
	for name, test := range tests {
		if _, err := Compile([]byte(test.doc)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustCompile(t, `{"allOf":[`+strings.Repeat(`{"a":1},`, maxNodes/4)+`true]}`)
}

func TestCountsLargerThanAnIntAreNotTruncated(t *testing.T) {
	s := mustCompile(t, `{"maxLength":18446744073709551616,"minLength":1,"maximum":18446744073709551616}`)
	for value, want := range map[string]int{`"abc"`: 0, `""`: 1, `18446744073709551617`: 1, `18446744073709551616`: 0} {
		if violations, err := s.Validate([]byte(value)); err != nil || len(violations) != want {
			t.Errorf("%s: %v %v", value, violations, err)
		}
	}
}
