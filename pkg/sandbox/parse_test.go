package sandbox

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documented returns the example in docs/sandbox.md.
func documented(t testing.TB) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	return example
}

func TestTheDocumentedRulesAreValid(t *testing.T) {
	rules, err := ParseRules([]byte(documented(t)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rules.list); n != 7 {
		t.Errorf("%d rules", n)
	}
	r, _ := rules.find("/Operator look for flights to Berlin")
	if got, want := string(r.structured), `{"cheapest":129.50,"airlines":["LH","BA"]}`; got != want {
		t.Errorf("structured output %s, want %s", got, want)
	}
	if r, _ := rules.find("a report"); len(r.Downloads) != 1 || r.Downloads[0] != (downloadRule{"report.csv", "a,b"}) {
		t.Errorf("downloads %+v", r.Downloads)
	}
	if f := rules.faults[faultUpload]; f == nil || f.Status != 403 || !strings.Contains(*f.Body, "<Code>AccessDenied</Code>") {
		t.Errorf("fault %+v", f)
	}
	if _, number := rules.find("nothing of that"); number != -1 {
		t.Errorf("rule %d fits", number)
	}
}

func TestRulesMayBeEmpty(t *testing.T) {
	for _, doc := range []string{"", "# only a comment\n", "{}", "rules: []", "rules:\n"} {
		if _, err := ParseRules([]byte(doc)); err != nil {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func TestInvalidRulesAreErrors(t *testing.T) {
	tests := map[string]struct{ doc, want string }{
		"unknown field":           {"delay: 1s\nrulez: []", `rules: line 2: unknown field "rulez"`},
		"unknown field in a rule": {"rules:\n  - match: a\n    txt: b", `rules: line 3: unknown field "txt"`},
		"unknown fault":           {"rules:\n  - faults:\n      callback: {torn: true}", `rules: line 3: unknown field "torn"`},
		"unknown usage":           {"rules:\n  - usage: {cents: 3}", "rules: rule 1 (line 2): usage: line 2: actions and credits must be numbers from 0 up, and nothing else"},
		"negative usage":          {"rules:\n  - usage: {actions: -3}", "rules: rule 1 (line 2): usage: line 2: actions and credits must be numbers from 0 up, and nothing else"},
		"infinite usage":          {"rules:\n  - usage: {credits: .inf}", "rules: rule 1 (line 2): usage: line 2: actions and credits must be numbers from 0 up, and nothing else"},
		"fault of all tasks":      {"faults:\n  presign: {status: 500}\n  download:\n    status: 99", "rules: faults.download (line 4): status: 99 is not between 200 and 599"},
		"field twice":             {"delay: 1s\ndelay: 2s", `rules: line 2: duplicate name "delay"`},
		"text for a list":         {"rules: x", "rules: line 1: cannot unmarshal !!str `x` into []rule"},
		"bad duration":            {"delay: soon", `rules: line 1: "soon" is not a duration between 0s and 24h, such as 1.5s`},
		"number for a duration":   {"delay: 5", `rules: line 1: "5" is not a duration between 0s and 24h, such as 1.5s`},
		"negative duration":       {"delay: -1s", `rules: line 1: "-1s" is not a duration between 0s and 24h, such as 1.5s`},
		"long duration":           {"delay: 25h", `rules: line 1: "25h" is not a duration between 0s and 24h, such as 1.5s`},
		"bad expression":          {"rules:\n  - match: '('", "rules: rule 1 (line 2): match: error parsing regexp: missing closing ): `(`"},
		"unknown status":          {"rules:\n  - match: a\n  - status: pending", `rules: rule 2 (line 3): status: "pending" is not one of success, error, input-required`},
		"unknown action":          {"rules:\n  - humanInput: {for: 1s, action: shout}", `rules: rule 1 (line 2): humanInput: action: "shout" is not one of prompt_for_user_input, user_approval`},
		"human input for no time": {"rules:\n  - humanInput: {message: hi}", "rules: rule 1 (line 2): humanInput: for: must be more than 0s"},
		"fault without a status":  {"rules:\n  - faults: {dispatch: {times: 2}}", "rules: rule 1 (line 2): faults.dispatch: status: 0 is not between 200 and 599"},
		"fault 0 times":           {"rules:\n  - faults: {statusCalls: {status: 500, times: 0}}", "rules: rule 1 (line 2): faults.statusCalls: times: 0 is not between 1 and 1000000000"},
		"cut with a body":         {"rules:\n  - faults: {dispatch: {cut: true, body: x}}", "rules: rule 1 (line 2): faults.dispatch: a cut connection has no status, retryAfter or body"},
		"answer lost with a body": {"rules:\n  - faults: {answerLost: {body: x}}", "rules: rule 1 (line 2): faults.answerLost: a cut connection has no status, retryAfter or body"},
		"retry in the past":       {"rules:\n  - faults: {dispatch: {status: 429, retryAfter: -1}}", "rules: rule 1 (line 2): faults.dispatch: retryAfter: -1 is not a number of seconds"},
		"repeated too often":      {"rules:\n  - faults: {callback: {repeated: 1001}}", "rules: rule 1 (line 2): faults.callback.repeated: 1001 is not between 0 and 1000"},
		"not a number in JSON":    {"rules:\n  - structuredOutput: [.nan]", "rules: rule 1 (line 2): structuredOutput: line 2: .nan cannot be written as JSON"},
		"a number of YAML 1.1":    {"rules:\n  - faults: {dispatch: {status: 500, times: 1_000}}", "rules: line 2: cannot unmarshal !!str `1_000` into int"},
		"an octal of YAML 1.1":    {"rules:\n  - faults: {dispatch: {status: 500, times: 010}}", "rules: line 2: cannot unmarshal !!str `010` into int"},
		"a leading zero":          {"rules:\n  - structuredOutput: {zip: 02134}", `rules: rule 1 (line 2): structuredOutput: line 2: 02134 is a number with a leading zero: quote it ("02134") to send it as it is`},
		"name twice in the data":  {"rules:\n  - structuredOutput:\n      a: 1\n      a: 2", `rules: line 4: duplicate name "a"`},
		"an anchor":               {"rules:\n  - text: &a x", "rules: line 2: aliases and anchors are not supported"},
		"an alias":                {"x: &a [1]\nrules: *a", "rules: line 1: aliases and anchors are not supported"},
		"two documents":           {"delay: 1s\n---\ndelay: 2s", "rules: line 2: expected one document"},
		"not YAML":                {"rules: [", "rules: line 1: did not find expected node content"},
		"too large":               {strings.Repeat("#", maxRules+1), "the rules are larger than 1 MiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseRules([]byte(test.doc))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATextInRulesIsAsWritten(t *testing.T) {
	rules, err := ParseRules([]byte("rules:\n  - {match: 02134, text: 1_000}\n  - {match: 0x10, text: yes}"))
	if err != nil {
		t.Fatal(err)
	}
	for prompt, want := range map[string]string{"02134": "1_000", "0x10": "yes"} {
		if r, _ := rules.find(prompt); r.Text == nil || *r.Text != want {
			t.Errorf("%s: %v, want %s", prompt, r.Text, want)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add([]byte(documented(f)))
	for _, doc := range []string{"", "rules: [{structuredOutput: {a: [1e5, 0x1F, 1_000, ~, yes, !!binary aGk=]}}]", "a: &x [*x]", "rules: [null]", "{? [a] : b}", "delay: 1s\n---\n", "faults: {upload: {}}", "\x01", "rules: \xff", "rules:\n  - {match: '('}"} {
		f.Add([]byte(doc))
	}
	hasLine := regexp.MustCompile(`\bline [0-9]+`)
	f.Fuzz(func(t *testing.T, doc []byte) {
		rules, err := ParseRules(doc)
		if err != nil {
			if len(doc) <= maxRules && !hasLine.MatchString(err.Error()) {
				t.Errorf("%q: no line in %v", doc, err)
			}
			return
		}
		for i := range rules.list {
			r := &rules.list[i]
			task := &task{dispatch: &dispatch{prompt: "x"}, rule: r, structured: r.structured}
			_ = encode(task.statusAnswer()) // panics if it cannot be encoded
			_ = encode(map[string]any{"structured": r.structured, "usage": r.usage})
		}
	})
}
