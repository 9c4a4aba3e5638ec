package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/secret/secrettest"
)

func TestSecretsInJSONAreMasked(t *testing.T) {
	m := masking("pass\"word/\u00e4", "87654321", "1234", "test")
	for _, tt := range []struct{ doc, want string }{
		{`{"a" : "b", "c": [1.50, true, null]}`, `{"a" : "b", "c": [1.50, true, null]}`},
		{`{"a" : "x pass\"word\/\u00E4 <y>", "b":1.50}`, `{"a" : "x *** <y>", "b":1.50}`},
		{`{"pass\"word/\u00e4":{}}`, `{"***":{}}`},
		{`{"a":"{\"b\":\"pass\\\"word/\u00e4\"}"}`, `{"a":"{\"b\":\"***\"}"}`},
		{`[87654321,-87654321,876543210,87654321.0]`, `["***",-87654321,876543210,87654321.0]`},
		{`"87654321"`, `"***"`},
		{`87654321`, `"***"`},
		{`{"test":1234,"pin":"1234","word":"test"}`, `{"test":1234,"pin":"1234","word":"test"}`}, // too short for data
		{`no JSON: pass"word/ä 1234`, `no JSON: *** 1234`},
		{``, ``},
	} {
		if got := m.MaskJSON([]byte(tt.doc)); string(got) != tt.want {
			t.Errorf("%s becomes %s, want %s", tt.doc, got, tt.want)
		}
	}
	if got := m.MaskAnswer(`the PIN is 1234, the word test, pass"word/ä`); got != "the PIN is 1234, the word test, ***" {
		t.Errorf("got %q", got)
	}
	if got := m.Mask("the PIN is 1234"); got != "the PIN is ***" {
		t.Errorf("a message: %q", got)
	}
}

// A part of a secret that is too short for data is not masked there either.
func TestShortPartsAreLeftInData(t *testing.T) {
	m := masking("Bearer abc123")
	if got := m.MaskAnswer("abc123 YWJjMTIz Bearer abc123"); got != "abc123 YWJjMTIz ***" {
		t.Errorf("got %q", got)
	}
	m.Forget(New("Bearer abc123"))
}

func TestEveryFormInJSONIsMasked(t *testing.T) {
	const value = `se"cret/<1>&'` + "\u00e9\a\U0001f511"
	m := masking(value)
	for name, write := range secrettest.Forms() {
		doc, err := json.Marshal(map[string]any{"text": "before " + write(value) + " after", write(value): []string{"b"}, "n": 1})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.MaskJSON(doc); !json.Valid(got) || secrettest.Reveals(string(got), value) || !strings.Contains(string(got), `"before *** after"`) && !strings.Contains(name, "Basic") && !strings.Contains(name, "place") && !strings.Contains(name, "body") {
			t.Errorf("%s: %s becomes %s", name, doc, got)
		}
	}
}

// An error's body may be cut, so a short secret is masked in it, too. It remains JSON.
func TestHTTPAnswersAreMaskedByTheirStatus(t *testing.T) {
	m := masking("long-enough", "1234")
	for _, tt := range []struct {
		status     int
		body, want string
	}{
		{200, `{"a":"long-enough","b":"1234","c":1234}`, `{"a":"***","b":"1234","c":1234}`},
		{422, `{"a":"long-enough","b":"PIN 1234","c":[1234, 12345]}`, `{"a":"***","b":"PIN ***","c":["***", 12345]}`},
		{502, `<p>1234 long-enough</p>`, `<p>*** ***</p>`},
	} {
		if got := m.MaskHTTP(tt.status, []byte(tt.body)); string(got) != tt.want {
			t.Errorf("%d: %s", tt.status, got)
		}
	}
}

// A secret that is a word of the API does not change what an answer means.
func TestWordsOfTheAPIStay(t *testing.T) {
	const task = `{"requestId":"r1","status":"input-required","browserWindowId":"w","response":{"text":"hi","output":{"type":"structured","content":{"a":1}},"structuredOutput":{"b":2}},` +
		`"createdAt":"2026-01-02T03:04:05Z","completedAt":"2026-01-02T03:04:06Z","usage":{"actions":1,"credits":2},"hitlInputMetadata":{"inputId":"i","action":{"name":"n","prompt_message":"m"}}}`
	const files, started, refused = `{"downloaded_files":[{"file_name":"f","size":1}]}`, `{"session_id":"s","browser_window_id":"w","presigned_url":"u","message":"m"}`, `{"detail":[{"loc":["body","x"],"msg":"m"}]}`
	m := masking(words...)
	for _, doc := range []string{task, files, started} {
		if got := m.MaskHTTP(200, []byte(doc)); string(got) != doc {
			t.Errorf("%s becomes %s", doc, got)
		}
	}
	if got := m.MaskHTTP(422, []byte(refused)); string(got) != refused {
		t.Errorf("%s becomes %s", refused, got)
	}
	if got := m.MaskJSON([]byte(`{"a":"it was completedAt"}`)); string(got) != `{"a":"it was ***"}` {
		t.Errorf("got %s", got)
	}
}

func FuzzMaskJSON(f *testing.F) {
	f.Add("se\"cret/<1>", `{"a":["x",1]}`, byte(0))
	f.Add("87654321", `{"a":87654321}`, byte(1))
	f.Add("secret-1", `["\ud83d\ud83d",{"":""}]`, byte(9))
	f.Fuzz(func(t *testing.T, value, doc string, way byte) {
		value = strings.ToValidUTF8(value, "?")
		if !json.Valid([]byte(doc)) || len(value) < shortestInData || secrettest.Reveals(doc, value) {
			t.Skip()
		}
		m := masking(value)
		if got := m.MaskJSON([]byte(doc)); m.Mask(doc) == doc && string(got) != doc {
			t.Errorf("without the secret %q, %s becomes %s", value, doc, got)
		}
		ways := []string{"as it is", "JSON", "Go", "query", "HTML", "base64", "JSON in JSON", "all of it as \\x"}
		text, _ := json.Marshal(secrettest.Forms()[ways[int(way)%len(ways)]](value))
		whole := fmt.Appendf(nil, `{"before":%s,"secret":%s}`, doc, text)
		if hollow := bytes.Replace(whole, text, []byte(`"***"`), 1); secrettest.Reveals(string(hollow), value) {
			t.Skip() // it is made of the document's syntax
		}
		got := m.MaskJSON(whole)
		if !json.Valid(got) {
			t.Errorf("%s becomes %s, which is not JSON", whole, got)
		}
		if secrettest.Reveals(string(got), value) {
			t.Errorf("%q is still in %s", value, got)
		}
	})
}

// A document without a secret costs a small multiple of reading it.
func BenchmarkMaskJSON(b *testing.B) {
	m := NewMasker()
	for i := range 10 {
		m.Hide(New(fmt.Sprintf("Bearer s3cr3t-%d/value&%d", i, i*7919)))
	}
	doc := []byte(`[` + strings.Repeat(`{"id":"req_0123456789","text":"412 \"jobs\" found at 100%25 of sites","usage":{"actions":12,"credits":5.5}},`, 10_000) + `{}]`)
	for name, f := range map[string]func([]byte) bool{"json.Valid": json.Valid, "MaskJSON": func(doc []byte) bool { return len(m.MaskJSON(doc)) == len(doc) }} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if !f(doc) {
					b.Fatal("it was changed")
				}
			}
		})
	}
}
