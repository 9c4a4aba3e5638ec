package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/term"
)

func TestDocumentsKeepWhatTheCloudSent(t *testing.T) {
	doc := json.RawMessage("{ \"n\": 12345678901234567890, \"f\": 1.50, \"e\": 1e400,\n \"html\": \"<b>&\" }")
	var b bytes.Buffer
	if err := NewPrinter(&b, false, nil).JSON(doc); err != nil {
		t.Fatal(err)
	}
	if want := `{"n":12345678901234567890,"f":1.50,"e":1e400,"html":"<b>&"}` + "\n"; b.String() != want {
		t.Errorf("got %s", &b)
	}
	b.Reset()
	if err := NewPrinter(&b, true, nil).JSON(json.RawMessage(`{"a":"x` + "\u009b" + `"}`)); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"a\": \"x<U+009B>\"\n}\n"; b.String() != want {
		t.Errorf("on a terminal: %q", b.String())
	}
	b.Reset()
	if err := NewPrinter(&b, false, nil).Value(map[string]string{"a": "<b>"}); err != nil || b.String() != `{"a":"<b>"}`+"\n" {
		t.Errorf("Value: %q, %v", b.String(), err)
	}
}

func TestTextEndsWithOneNewline(t *testing.T) {
	for _, text := range []string{"a", "a\n"} {
		var b bytes.Buffer
		if err := NewPrinter(&b, false, nil).Text(text); err != nil || b.String() != "a\n" {
			t.Errorf("%q: %q, %v", text, b.String(), err)
		}
	}
	var b bytes.Buffer
	if err := NewPrinter(&b, false, nil).Text("a\x1b"); err != nil || b.String() != "a\x1b\n" {
		t.Errorf("without a terminal: %q, %v", b.String(), err)
	}
}

func TestQueryPrintsEachResult(t *testing.T) {
	tests := []struct{ query, want string }{
		{".s", "raw <text>\n"},
		{".n", "12345678901234567890\n"},
		{".list[]", "1\ntwo\n{\"three\":3}\n"},
		{".missing", "null\n"},
		{"empty", ""},
		{".list | length", "3\n"},
		{"env | length", "0\n"},
	}
	doc := json.RawMessage(`{"s":"raw <text>","n":12345678901234567890,"list":[1,"two",{"three":3}]}`)
	for _, tt := range tests {
		q, err := ParseQuery(t.Context(), tt.query)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := NewPrinter(&b, false, q).JSON(doc); err != nil || b.String() != tt.want {
			t.Errorf("%s: %q, %v", tt.query, b.String(), err)
		}
	}
	for text, want := range map[string]string{".s | tonumber": "failed: ", "reduce range(20000) as $i (0; [.])": "nested too deeply", "reduce range(20000) as $i (0; {a: .})": "nested too deeply"} {
		q, err := ParseQuery(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		if err := NewPrinter(&bytes.Buffer{}, false, q).JSON(doc); err == nil || !strings.HasPrefix(err.Error(), "the jq expression ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
	for _, bad := range []string{".[", "nosuch(1)", "input"} {
		if q, err := ParseQuery(t.Context(), bad); err == nil {
			if err := NewPrinter(&bytes.Buffer{}, false, q).JSON(doc); err == nil {
				t.Errorf("%s is accepted", bad)
			}
		}
	}
}

func TestAnEndlessQueryEndsAfterItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q, err := ParseQuery(ctx, "[range(infinite)]")
		if err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		time.Sleep(queryGrace)
		synctest.Wait()
		err = NewPrinter(&bytes.Buffer{}, false, q).JSON(json.RawMessage(`{}`))
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "did not end") {
			t.Errorf("got %v", err)
		}
	})
}

// What was accepted before the end is still filtered and printed.
func TestAQueryWorksForAMomentAfterItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		q, err := ParseQuery(ctx, ".a")
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(queryGrace - time.Millisecond)
		if yes, err := q.True(json.RawMessage(`{"a": true}`)); !yes || err != nil {
			t.Errorf("got %v, %v", yes, err)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestBrokenStdoutIsAnError(t *testing.T) {
	if err := NewPrinter(brokenPipe{}, false, nil).Text("x"); err == nil || err.Error() != "writing to stdout: broken pipe" {
		t.Errorf("got %v", err)
	}
}

func TestWriterRemembersTheFirstError(t *testing.T) {
	w := NewWriter(brokenPipe{})
	if _, err := w.Write(nil); err == nil || w.Err() == nil || w.Err().Error() != "writing to stdout: broken pipe" {
		t.Errorf("%v, %v", err, w.Err())
	}
	if w := NewWriter(&bytes.Buffer{}); w.Err() != nil {
		t.Error(w.Err())
	}
}

func TestWrapKeepsToTheWidth(t *testing.T) {
	for _, tt := range []struct{ head, text, want string }{
		{"1  ", "one two three", "1  one two\n   three"},
		{"1  ", "one two th", "1  one two\n   th"},
		{"1  ", "one two t", "1  one two\n   t"},
		{"", "one", "one"},
		{"1  ", "averylongword x", "1  averylo\n   ngword\n   x"},
		{"1  ", "", "1  "},
	} {
		if got := Wrap(tt.head, tt.text, 10); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestTrueFollowsTheRulesOfJQ(t *testing.T) {
	doc := json.RawMessage(`{"s":"false","no":false,"zero":0}`)
	for query, want := range map[string]bool{
		".s": true, ".zero": true, ".no": false, ".missing": false, "empty": false, ".no, true": false, "true, .no": true, `.s == "false"`: true,
	} {
		q, err := ParseQuery(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := q.True(doc); got != want || err != nil {
			t.Errorf("%s: %v, %v", query, got, err)
		}
	}
	q, err := ParseQuery(t.Context(), ".s | tonumber")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := q.True(doc); got || err == nil {
		t.Errorf("%v, %v", got, err)
	}
}

// shout masks the word secret.
type shout struct{}

func (shout) MaskJSON(doc []byte) []byte {
	return bytes.ReplaceAll(doc, []byte("secret"), []byte("***"))
}

func (shout) MaskAnswer(text string) string { return strings.ReplaceAll(text, "secret", "***") }

// A query may split a secret, or put one together.
func TestPrinterMasksBeforeAndAfterAQuery(t *testing.T) {
	for query, want := range map[string]string{
		"":                       `{"a":"***","b":"sec","c":"ret"}`,
		".a":                     "***",
		".a[0:3]":                "***",
		".b + .c":                "***",
		"{d: (.b + .c)}":         `{"d":"***"}`,
		`(.a | length) + 0`:      "3",
		`[.b, .c] | join("")`:    "***",
		`"se" + "cret" | [., 1]`: `["***",1]`,
	} {
		var b bytes.Buffer
		var q *Query
		if query != "" {
			var err error
			if q, err = ParseQuery(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		p := NewPrinter(&b, false, q)
		p.Masker = shout{}
		if err := p.JSON([]byte(`{"a":"secret","b":"sec","c":"ret"}`)); err != nil || b.String() != want+"\n" {
			t.Errorf("%s: %q, %v", query, &b, err)
		}
	}
}

func TestPrinterMasksTextBeforeItIsCut(t *testing.T) {
	var b bytes.Buffer
	p := NewPrinter(&b, true, nil)
	p.Masker = shout{}
	l := NewList(p, func() int { return 15 }, "A", "B")
	if err := errors.Join(l.Add(nil, "a secret", "0123456secret"), l.Finish(nil), p.Led(term.Span{Text: "a secret lead "}, "a secret")); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Contains(got, "sec") || !strings.Contains(got, "a ***") || !strings.Contains(got, "a *** lead a ***") {
		t.Errorf("got %q", got)
	}
}
