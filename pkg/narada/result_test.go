package narada

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const callbackBody = `{
  "requestId": "req_1", "secret": "s3cret", "status": "success",
  "browserWindowId": "window_1",
  "response": {"text": "Found 1,234.", "structuredOutput": {"n": 12345678901234567890}, "actionTrace": []},
  "createdAt": "2024-11-21T10:00:00.000000+00:00", "completedAt": "2024-11-21T10:00:45.000000+00:00",
  "usage": {"actions": 12.0, "credits": 5.5}, "unknown": 1e400
}`

func TestParseCallbackReturnsTheSecretSeparately(t *testing.T) {
	r, secret, err := ParseCallback([]byte(callbackBody))
	if err != nil {
		t.Fatal(err)
	}
	if secret != "s3cret" {
		t.Errorf("secret = %q", secret)
	}
	created := time.Date(2024, 11, 21, 10, 0, 0, 0, time.UTC)
	want := &Result{
		RequestID: "req_1", Status: StatusSuccess, BrowserWindowID: "window_1",
		Response:  &Response{Text: "Found 1,234.", StructuredOutput: json.RawMessage(`{"n": 12345678901234567890}`)},
		CreatedAt: created, CompletedAt: created.Add(45 * time.Second), Usage: &Usage{Actions: 12, Credits: 5.5},
	}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreUnexported(Result{}), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
	if !r.Final() || r.Text() != "Found 1,234." || string(r.Structured()) != `{"n": 12345678901234567890}` || r.Duration() != 45*time.Second {
		t.Errorf("Final %v, Text %q, Structured %s, Duration %v", r.Final(), r.Text(), r.Structured(), r.Duration())
	}
	raw := string(r.Raw())
	if strings.Contains(raw, "s3cret") || !strings.Contains(raw, "12345678901234567890") || !strings.Contains(raw, "1e400") {
		t.Errorf("Raw = %s", raw)
	}
	if diff := cmp.Diff(strings.Replace(callbackBody, ` "secret": "s3cret",`, "", 1), raw); diff != "" {
		t.Errorf("Raw differs in more than the secret:\n%s", diff)
	}
}

func TestSecretIsRemovedFromTheResult(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"first", `{"secret":"s","status":"success"}`, `{"status":"success"}`},
		{"middle", `{"a":1, "secret" : "s" , "status":"success"}`, `{"a":1, "status":"success"}`},
		{"last", `{"status":"success" , "secret":null }`, `{"status":"success" }`},
		{"escaped name", `{"status":"success","s\u0065cret":"s"}`, `{"status":"success"}`},
		{"other case", `{"SECRET":"s","status":"success"}`, `{"status":"success"}`},
		{"long s", `{"ſecret":"s","status":"success"}`, `{"status":"success"}`},
		{"nested secret", `{"status":"success","response":{"secret":"kept"}}`, `{"status":"success","response":{"secret":"kept"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseResult([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Raw()); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestMalformedCallbacksAreRefused(t *testing.T) {
	tests := []struct{ name, body, err string }{
		{"empty", ``, "unexpected end of JSON input"},
		{"not an object", `[]`, "not a JSON object"},
		{"cut off", `{"requestId":"r","secret":"s","status":"succ`, "unexpected end of JSON input"},
		{"broken", `{"requestId":"r",}`, "not valid JSON"},
		{"two objects", `{"requestId":"r","secret":"s","status":"success"} {}`, "after top-level value"},
		{"no requestId", `{"secret":"s","status":"success"}`, "no requestId"},
		{"null requestId", `{"requestId":null,"secret":"s","status":"success"}`, "no requestId"},
		{"no status", `{"requestId":"r","secret":"s"}`, "no status"},
		{"no secret", `{"requestId":"r","status":"success"}`, "no secret"},
		{"duplicate secret", `{"requestId":"r","secret":"a","secret":"b","status":"success"}`, "duplicate"},
		{"secret in another case too", `{"requestId":"r","secret":"a","SECRET":"b","status":"success"}`, "duplicate"},
		{"secret in another case only", `{"requestId":"r","SECRET":"b","status":"success"}`, "no secret"},
		{"duplicate status", `{"requestId":"r","secret":"a","status":"error","Status":"success"}`, "duplicate"},
		{"duplicate requestId", `{"requestId":"r","requestid":"q","secret":"a","status":"success"}`, "duplicate"},
		{"status a number", `{"requestId":"r","secret":"a","status":1}`, "status: unexpected number"},
		{"requestId not UTF-8", "{\"requestId\":\"r\xff\",\"secret\":\"s\",\"status\":\"success\"}", "requestId: not Unicode text"},
		{"secret with half of a surrogate pair", `{"requestId":"r","secret":"\ud800","status":"success"}`, "secret: not Unicode text"},
		{"status with the other half", `{"requestId":"r","secret":"s","status":"\udc00"}`, "status: not Unicode text"},
		{"another member not UTF-8", "{\"requestId\":\"r\",\"secret\":\"s\",\"status\":\"success\",\"x\":\"\xff\"}", "not UTF-8 text"},
		{"secret an object", `{"requestId":"r","secret":{},"status":"success"}`, "secret: unexpected object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ParseCallback([]byte(tt.body))
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestTextOutsideOfTheASCIIRangeIsKept(t *testing.T) {
	r, secret, err := ParseCallback([]byte(`{"requestId":"é","secret":"\ud83d\ude00","status":"success","response":{"text":"a\ud800"}}`))
	if err != nil || r.RequestID != "é" || secret != "😀" {
		t.Errorf("got %+v, %q, %v", r, secret, err)
	}
}

func TestMembersOfUnexpectedTypesAreIgnored(t *testing.T) {
	r, err := ParseResult([]byte(`{"status":"success","completedAt":"soon","createdAt":7,"usage":{"actions":"many"},
		"browserWindowId":9,"hitlInputMetadata":[],"response":{"text":"kept","output":"odd","structuredOutput":null}}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.Text() != "kept" || !r.Final() || r.Usage != nil || r.Structured() != nil || r.Duration() != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestNullMembersAreAccepted(t *testing.T) {
	r, secret, err := ParseCallback([]byte(`{"requestId":"r","secret":null,"status":"error","browserWindowId":null,"response":null,"createdAt":null,"completedAt":null,"usage":null,"hitlInputMetadata":null}`))
	if err != nil || secret != "" || r.Final() || r.Text() != "" || r.Structured() != nil {
		t.Errorf("got %+v, %q, %v", r, secret, err)
	}
}

func TestStructuredDataHasTwoForms(t *testing.T) {
	tests := []struct{ name, response, want string }{
		{"callback", `{"structuredOutput":[1]}`, `[1]`},
		{"status call", `{"output":{"type":"structured","content":{"a":1}}}`, `{"a":1}`},
		{"both forms: that of callbacks", `{"structuredOutput":1,"output":{"type":"structured","content":2}}`, `1`},
		{"text is no data", `{"output":{"type":"text","content":"x"}}`, ``},
		{"null is no data", `{"structuredOutput":null,"output":{"type":"structured","content":null}}`, ``},
		{"false is data", `{"structuredOutput":false}`, `false`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseResult([]byte(`{"status":"success","response":` + tt.response + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Structured()); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestMissingRequestIDIsInserted(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"status":"pending"}`, `{"requestId":"req_9","status":"pending"}`},
		{`{ "status":"pending","requestId":null}`, `{"requestId":"req_9","status":"pending"}`},
		{`{"requestId":"req_1","status":"pending"}`, `{"requestId":"req_1","status":"pending"}`},
	}
	for _, tt := range tests {
		r, err := ParseResult([]byte(tt.in))
		if err != nil {
			t.Fatal(err)
		}
		r.withID("req_9")
		if got := string(r.Raw()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	f.Add([]byte(callbackBody))
	f.Add([]byte(`{"secret":"s"}`))
	f.Add([]byte(`{"requestId":"r","status":"x","secret":"needle"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, _, err := ParseCallback(body)
		if err != nil {
			return
		}
		list, err := members(r.Raw())
		if err != nil {
			t.Fatalf("Raw is not an object: %v\n%s", err, r.Raw())
		}
		for _, m := range list {
			if strings.EqualFold(m.name, "secret") {
				t.Fatalf("Raw has the secret: %s", r.Raw())
			}
		}
	})
}

func TestReplaceSecretChangesNothingElse(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"a secret":           {`{ "requestId" : "r", "secret":"old" , "n":1.50}`, `{ "requestId" : "r", "secret":"new\"" , "n":1.50}`},
		"null":               {`{"secret":null}`, `{"secret":"new\""}`},
		"in another case":    {`{"SECRET": "x","secret":"y"}`, `{"SECRET": "new\"","secret":"new\""}`},
		"none":               {`{"a":{"secret":"deep"}}`, `{"a":{"secret":"deep"}}`},
		"an escaped name":    {`{"s\u0065cret":"x"}`, `{"s\u0065cret":"new\""}`},
		"an object as value": {`{"secret":{"a":[1]},"b":2}`, `{"secret":"new\"","b":2}`},
	}
	for name, test := range tests {
		got, err := ReplaceSecret([]byte(test.body), `new"`)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	body := []byte(`{"requestId":"r","status":"success","secret":"old"}`)
	r, _, err := ParseCallback(body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.BodyWithSecret(""); err != nil || string(got) != `{"requestId":"r","status":"success","secret":null}` {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := ReplaceSecret([]byte(`[1]`), ""); err == nil {
		t.Error("no error for a value that is not an object")
	}
}

func TestWithoutMembersRemovesTheNamedMembers(t *testing.T) {
	for doc, want := range map[string]string{
		`{"a":1, "b":2,"c":3}`:         `{"a":1, "c":3}`,
		`{"b":{"a":1},"x":"b"}`:        `{"x":"b"}`,
		`{"x":1,"b":2}`:                `{"x":1}`,
		`{"b":1}`:                      `{}`,
		`{"B":1,"b":2,"d":3, "b":"4"}`: `{"B":1}`,
		`{ }`:                          `{ }`,
	} {
		got, err := WithoutMembers([]byte(doc), "b", "d")
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", doc, got, err, want)
		}
	}
	if _, err := WithoutMembers([]byte(`[1]`), "b"); err == nil {
		t.Error("no error for a list")
	}
}

func TestATaskHasFinishedOnceCompletedAtIsSet(t *testing.T) {
	for value, want := range map[string]bool{
		`"2026-01-01T00:00:00Z"`: true, `"soon"`: true, `1767225600`: true, `1767225600.5`: true,
		`null`: false, `""`: false, `false`: false, `true`: false, `0`: false, `-1`: false, `[]`: false, `{}`: false, `["2026-01-01"]`: false,
	} {
		r, err := ParseResult([]byte(`{"status":"success","completedAt":` + value + `}`))
		if err != nil || r.Final() != want {
			t.Errorf("%s: final %v, %v; want %v", value, r.Final(), err, want)
		}
	}
}

// Whatever a result has, it has finished only if it says so.
func FuzzParseResult(f *testing.F) {
	for _, text := range []string{`{"requestId":"req_1","status":"success","completedAt":"x"}`, `{"status":"pending"}`, `{"status":"success","completedAt":false}`,
		`{"STATUS":"x","status":"y"}`, `[]`, `{"requestId":1,"status":"x"}`, `{"status":"success","response":{"text":1},"usage":[],"completedAt":0}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseResult(body)
		if err != nil {
			return
		}
		var object map[string]any
		if err := json.Unmarshal(body, &object); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if _, isText := object["completedAt"].(string); r.Final() && object["completedAt"] == nil || isText && r.Final() != (object["completedAt"] != "") {
			t.Errorf("%q: final %v", body, r.Final())
		}
		if r.withID("req_1"); r.RequestID == "" || !json.Valid(r.Raw()) {
			t.Errorf("%q: %q, %s", body, r.RequestID, r.Raw())
		}
		if !json.Valid(r.Normalized()) {
			t.Errorf("%q: %s", body, r.Normalized())
		}
	})
}

func TestNormalizedHasTheDataWhereCallbacksHaveThem(t *testing.T) {
	for body, want := range map[string]string{
		`{"requestId":"req_1","status":"success","response":{"text":"a","output":{"type":"structured","content":{"n":1.50}}},"x":1}`:    `{"requestId":"req_1","status":"success","response":{"structuredOutput":{"n":1.50},"text":"a","output":{"type":"structured","content":{"n":1.50}}},"x":1}`,
		`{"requestId":"req_1","status":"success","response": { "structuredOutput": null, "output":{"type":"structured","content":[]}}}`: `{"requestId":"req_1","status":"success","response": {"structuredOutput":[], "output":{"type":"structured","content":[]}}}`,
		`{"requestId":"req_1","status":"success","response":{"text":"a","structuredOutput":{"n":1}}}`:                                   "",
		`{"requestId":"req_1","status":"success","response":{"output":{"type":"text","content":"a"}}}`:                                  "",
		`{"requestId":"req_1","status":"success","response":null}`:                                                                      "",
	} {
		r, err := ParseResult([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = body
		}
		if diff := cmp.Diff(want, string(r.Normalized())); diff != "" || string(r.Raw()) != body {
			t.Error(diff)
		}
	}
}

func TestUsageIsReadInEveryForm(t *testing.T) {
	for text, want := range map[string]*Usage{
		`{"actions":12,"credits":5.5}`:               {Actions: 12, Credits: 5.5},
		`{"credits": 1e2, "actions": 2.0, "new":{}}`: {Actions: 2, Credits: 100},
		`{"actions":null,"credits":null}`:            {},
		`{}`:                                         {},
		`{"actions":"12"}`:                           nil,
		`{"credits":1e999}`:                          nil,
		`{"credits":true}`:                           nil,
		`null`:                                       nil,
		`[]`:                                         nil,
		`7`:                                          nil,
	} {
		r, err := ParseResult([]byte(`{"status":"success","usage":` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Usage); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
