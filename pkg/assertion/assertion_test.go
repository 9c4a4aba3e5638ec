package assertion

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const answer = `{"requestId":"req_1","status":"success","n":12345678901234567890,
	"response":{"text":"two\nlines","structuredOutput":{"price":9.5,"max":9,"names":["a","b","c","d"],"empty":[],"ok":true,"note":null,"token":"s3cret-of-mine"}}}`

func check(t *testing.T, ctx context.Context, texts ...string) (failed []string) {
	t.Helper()
	list, err := Parse(texts...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list.Check(ctx, json.RawMessage(answer), masker{}) {
		failed = append(failed, f.String())
	}
	return failed
}

// masker masks a secret.
type masker struct{}

func (masker) MaskJSON(doc []byte) []byte {
	return bytes.ReplaceAll(doc, []byte("s3cret-of-mine"), []byte("***"))
}
func (masker) MaskAnswer(text string) string {
	return strings.ReplaceAll(text, "s3cret-of-mine", "***")
}

func TestOnlyOneTrueIsTrue(t *testing.T) {
	for _, text := range []string{
		`.status == "success"`, `.response.structuredOutput.ok`, `.response.structuredOutput | .price > .max`, `.n == 12345678901234567890`, `first(true, false)`,
		`env | length == 0`, `.response.structuredOutput.names | index("a") == 0`, `true # and a comment`, "\n.status\n== \"success\"\n",
	} {
		if failed := check(t, t.Context(), text); failed != nil {
			t.Errorf("%s: %q", text, failed)
		}
	}
}

// What is shown of an assertion that is not true.
func TestWhatAnAssertionGaveAndLookedAt(t *testing.T) {
	for text, want := range map[string]string{
		`false`:                                 `gave false`,
		`.response.structuredOutput.note`:       `gave null`,
		`.status`:                               `gave "success"`,
		`.n`:                                    `gave 12345678901234567890`,
		`empty`:                                 `gave no value`,
		`true, true`:                            `gave several values, true and true`,
		`.response.structuredOutput.price > 10`: `gave false; .response.structuredOutput.price is 9.5`,
		`.response.structuredOutput.missing > 10`:                 `gave false; .response.structuredOutput.missing is null`,
		`.response.structuredOutput.price < -1`:                   `gave false; .response.structuredOutput.price is 9.5`,
		`"x" == .status`:                                          `gave false; .status is "success"`,
		`(.status) == "\(.n)"`:                                    `gave false; (.status) is "success", "\(.n)" is "12345678901234567890"`,
		`1 == 2`:                                                  `gave false`,
		`.response.text | test("three")`:                          `gave false; .response.text is "two\nlines"`,
		`.response | .structuredOutput.price > 10`:                `gave false; .response | .structuredOutput.price is 9.5`,
		`.response.structuredOutput | .price < .max and .ok`:      `gave false; .response.structuredOutput | .price is 9.5, .response.structuredOutput | .max is 9, .response.structuredOutput | .ok is true`,
		`.response.structuredOutput.names[] | . != "a"`:           `gave several values, false and true; .response.structuredOutput.names[] | . is "a", "b", "c", …`,
		`.response.structuredOutput.empty[] | . > 1`:              `gave no value; .response.structuredOutput.empty[] | . has no value`,
		`(.response.structuredOutput.names | length) == 3`:        `gave false; (.response.structuredOutput.names | length) is 4`,
		`all(.response.structuredOutput.names[]; . == "a")`:       `gave false; .response.structuredOutput.names[] is "a", "b", "c", …`,
		`select(.n == 1)`:                                         `gave no value; .n is 12345678901234567890`,
		`if .status == "error" then true else null end`:           `gave null; .status is "success"`,
		`.response.structuredOutput as $o | $o.price > 10`:        `gave false; .response.structuredOutput as $o | $o.price is 9.5`,
		`def price: .response.structuredOutput.price; price > 10`: `gave false; def price: .response.structuredOutput.price; price is 9.5`,
		`.response.structuredOutput.token == "s3cret-of-mine"`:    `gave false; .response.structuredOutput.token is "***"`,
		`"s3cret" + "-of-mine"`:                                   `gave "***"`,
		`.status.x.y == 1`:                                        `failed: expected an object but got: string ("success")`,
		`error("s3cret-of-mine\nof two lines")`:                   `failed: error: *** of two lines`,
		`reduce range(20000) as $i (0; [.])`:                      `failed: its value is nested too deeply`,
		`halt`:                                                    `gave no value`,
		`def select: false; select`:                               `gave false`,
		`.response.text == ("x" * 300)`:                           `gave false; .response.text is "two\nlines", ("x" * 300) is "` + strings.Repeat("x", 78) + `…`,
	} {
		shown := strings.ReplaceAll(text, "s3cret-of-mine", "***")
		if diff := cmp.Diff([]string{shown + ": " + want}, check(t, t.Context(), text)); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]string{"1 == 2: gave false", ".status: gave \"success\""}, check(t, t.Context(), "1\n== 2", "true", ".status")); diff != "" {
		t.Error(diff)
	}
}

func TestALongAssertionIsCut(t *testing.T) {
	failed := check(t, t.Context(), `.response.text == "`+strings.Repeat("y", 5000)+`"`)
	if len(failed) != 1 || len(failed[0]) > 300 || !strings.Contains(failed[0], "…: gave false; .response.text is ") {
		t.Errorf("%q", failed)
	}
}

func TestAnEndlessAssertionIsNotTrue(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, text := range []string{"[repeat(.)]", "range(1e12) | select(. < 0)"} {
		begun := time.Now()
		want := []string{text + ": did not end in time"}
		if diff := cmp.Diff(want, check(t, ctx, text)); diff != "" || time.Since(begun) > 4*time.Second {
			t.Error(diff, time.Since(begun))
		}
	}
	// An answer that arrived just before is still checked.
	if failed := check(t, ctx, ".status == \"success\""); failed != nil {
		t.Error(failed)
	}
	if diff := cmp.Diff([]string{"range(1e12): gave several values, 0 and 1"}, check(t, t.Context(), "range(1e12)")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"last(repeat(1)): did not end within 5s"}, check(t, t.Context(), "last(repeat(1))")); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefusesWhatIsNoAssertion(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "the expression is empty",
		" \n":                             "the expression is empty",
		".a >":                            `".a >" is not a jq expression: `,
		"$x == 1":                         `"$x == 1" is not a jq expression: variable not defined: $x`,
		"input":                           `"input" is not a jq expression: `,
		`import "a" as a; true`:           `is not a jq expression: `,
		strings.Repeat("[", 64<<10) + "]": "the expression is longer than 64 KiB",
	} {
		if _, err := Parse("true", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: %v", text, err)
		}
	}
	list, err := Parse("true", ".a")
	if diff := cmp.Diff([]string{"true", ".a"}, list.Texts()); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if list.Check(t.Context(), json.RawMessage(`{"a":true}`), nil) != nil {
		t.Error("it is not true")
	}
}
