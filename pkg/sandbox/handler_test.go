package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestInvalidCallsAreRefused(t *testing.T) {
	tests := map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		answer             string
	}{
		"no key":              {"POST", "/remote-dispatch", `{"prompt":"x"}`, http.Header{"X-Api-Key": {""}}, 401, `{"detail":"Invalid API key"}`},
		"wrong key":           {"GET", "/fast/v2/sdk/config", "", http.Header{"X-Api-Key": {"other"}}, 401, `{"detail":"Invalid API key"}`},
		"unknown request":     {"GET", "/fast/v2/remote-dispatch/responses/req_unknown", "", nil, 404, `{"detail":"Request not found"}`},
		"no request":          {"GET", "/remote-dispatch/responses/", "", nil, 404, `{"detail":"Not Found"}`},
		"unknown path":        {"GET", "/fast/v2/other", "", nil, 404, `{"detail":"Not Found"}`},
		"wrong method":        {"GET", "/remote-dispatch", "", nil, 405, `{"detail":"Method Not Allowed"}`},
		"a page's preflight":  {"OPTIONS", "/remote-dispatch", "", nil, 405, `{"detail":"Method Not Allowed"}`},
		"another host":        {"GET", "/sdk/config", "", http.Header{"Host": {"evil.example:80"}}, 421, `{"detail":"The sandbox accepts loopback hosts only, not \"evil.example\""}`},
		"loopback as a label": {"GET", "/sdk/config", "", http.Header{"Host": {"127.0.0.1.evil.example"}}, 421, `{"detail":"The sandbox accepts loopback hosts only, not \"127.0.0.1.evil.example\""}`},
		"too large":           {"POST", "/remote-dispatch", `{"prompt":"` + strings.Repeat("x", maxBody) + `"}`, nil, 413, `{"detail":"The body is larger than 8 MiB"}`},
		"a form":              {"POST", "/remote-dispatch", `{"prompt":"x"}`, http.Header{"Content-Type": {"text/plain"}}, 422, `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from: the Content-Type is not application/json"}]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "", func(o *Options) { o.APIKey = "key" })
				status, body := w.do(t, test.method, test.path, test.body, test.header)
				if diff := cmp.Diff(fmt.Sprint(test.status, " ", test.answer), fmt.Sprint(status, " ", body)); diff != "" {
					t.Error(diff)
				}
				if s := w.Stats(); s.Dispatches != 0 {
					t.Error("it was accepted")
				}
			})
		})
	}
}

func TestLoopbackHostsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		for _, host := range []string{"localhost", "LOCALHOST:80", "127.0.0.1:1234", "127.8.8.8", "[::1]:80", "[::1]"} {
			if status, body := w.do(t, "GET", "/sdk/config", "", http.Header{"Host": {host}}); status != 200 {
				t.Errorf("%s: %d %s", host, status, body)
			}
		}
	})
}

func TestSDKVersionIsSupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		for _, path := range []string{"/sdk/config", "/fast/v2/sdk/config"} {
			want := `{"packages":{"narada":{"min_required_version":"0.0.1"},"narada-pyodide":{"min_required_version":"0.0.1"}}}`
			if diff := cmp.Diff(want, w.get(t, path)); diff != "" {
				t.Error(diff)
			}
		}
		if v, err := w.client.MinSDKVersion(t.Context(), "narada"); v != "0.0.1" || err != nil {
			t.Error(v, err)
		}
	})
}

func TestInvalidDispatchesAreRefused(t *testing.T) {
	with := func(member string) string { return `{"prompt":"x",` + member + `}` }
	tests := map[string]struct{ body, kind, at string }{
		"nothing":                 {"", "missing", `["body"]`},
		"not JSON":                {`{"prompt":`, "json_invalid", `["body",10]`},
		"two values":              {`{"prompt":"x"} {}`, "json_invalid", `["body",16]`},
		"a list":                  {`[]`, "model_attributes_type", `["body"]`},
		"no prompt":               {`{}`, "missing", `["body","prompt"]`},
		"prompt by another case":  {`{"Prompt":"x"}`, "missing", `["body","prompt"]`},
		"null prompt":             {`{"prompt":null}`, "string_type", `["body","prompt"]`},
		"empty prompt":            {`{"prompt":""}`, "string_too_short", `["body","prompt"]`},
		"number for a prompt":     {`{"prompt":3}`, "string_type", `["body","prompt"]`},
		"number for a window":     {with(`"browserWindowId":3`), "string_type", `["body","browserWindowId"]`},
		"text for a bool":         {with(`"clearChat":"yes"`), "bool_type", `["body","clearChat"]`},
		"unknown mode":            {with(`"executionMode":"moon"`), "literal_error", `["body","executionMode"]`},
		"unknown reasoning":       {with(`"reasoningMode":{}`), "literal_error", `["body","reasoningMode"]`},
		"unknown role":            {with(`"chatHistory":[{"role":"user","content":"a"},{"role":"system","content":"b"}]`), "literal_error", `["body","chatHistory",1,"role"]`},
		"history without content": {with(`"chatHistory":[{"role":"user"}]`), "missing", `["body","chatHistory",0,"content"]`},
		"history that is no list": {with(`"chatHistory":{}`), "list_type", `["body","chatHistory"]`},
		"context of numbers":      {with(`"additionalContext":{"a":1}`), "string_type", `["body","additionalContext","a"]`},
		"credentials":             {with(`"userResourceCredentials":{"jira":"x"}`), "dict_type", `["body","userResourceCredentials","jira"]`},
		"variables":               {with(`"inputVariables":[]`), "dict_type", `["body","inputVariables"]`},
		"attachment":              {with(`"attachment":"key"`), "model_attributes_type", `["body","attachment"]`},
		"an MCP server":           {with(`"mcpServers":[{"url":"https://m.example","authentication":{"type":"basic"}}]`), "literal_error", `["body","mcpServers",0,"authentication","type"]`},
		"a format of old":         {with(`"responseFormat":{"type":"json","jsonSchema":{}}`), "literal_error", `["body","responseFormat","type"]`},
		"a schema that is none":   {with(`"responseFormat":{"type":"jsonSchema","jsonSchema":{"type":"text"}}`), "value_error", `["body","responseFormat","jsonSchema"]`},
		"a schema nothing fits":   {with(`"responseFormat":{"type":"jsonSchema","jsonSchema":{"type":"string","enum":[1]}}`), "value_error", `["body","responseFormat","jsonSchema"]`},
		"callback over http":      {with(`"callbackUrl":"http://example.com/x"`), "url_scheme", `["body","callbackUrl"]`},
		"callback by mail":        {with(`"callbackUrl":"mailto:a@example.com"`), "url_scheme", `["body","callbackUrl"]`},
		"callback to nowhere":     {with(`"callbackUrl":"https:///x"`), "url_parsing", `["body","callbackUrl"]`},
		"callback to a path":      {with(`"callbackUrl":"/x"`), "url_parsing", `["body","callbackUrl"]`},
		"a header's name":         {with(`"callbackHeaders":{"A b":"x"}`), "value_error", `["body","callbackHeaders","A b"]`},
		"a header's value":        {with(`"callbackHeaders":{"A":"x\r\nB: y"}`), "value_error", `["body","callbackHeaders","A"]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "", nil)
				status, body := w.do(t, "POST", "/remote-dispatch", test.body, nil)
				var answer struct {
					Detail []struct {
						Type     string          `json:"type"`
						Location json.RawMessage `json:"loc"`
						Message  string          `json:"msg"`
					} `json:"detail"`
				}
				if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 422 || len(answer.Detail) != 1 {
					t.Fatalf("%d %s", status, body)
				}
				got := answer.Detail[0]
				if diff := cmp.Diff([]string{test.kind, test.at}, []string{got.Type, string(got.Location)}); diff != "" || got.Message == "" {
					t.Errorf("%s%s", diff, body)
				}
			})
		})
	}
}

func TestAllSDKFieldsAreAccepted(t *testing.T) {
	for name, body := range map[string]string{
		"the least":   `{"prompt":"x"}`,
		"nulls":       `{"prompt":"x","browserWindowId":null,"callbackUrl":null,"responseFormat":null,"mcpServers":null,"callbackHeaders":null}`,
		"unknown":     `{"prompt":"x","brandNew":{"a":1}}`,
		"files":       `{"prompt":"/coreAgent Summarize {{$doc}}","timeZone":"UTC","attachment":{"key":"u/1-a.txt"},"inputVariables":{"doc":{"source":"remoteDispatchUpload","id":"u/1-t.csv","filename":"t.csv","mimeType":"text/csv"},"n":3,"none":null}}`,
		"all options": `{"prompt":"/coreAgent say hello","timeZone":"Europe/Berlin","browserWindowId":"w","cloudBrowserSessionId":"s","executionMode":"cloud","clearChat":true,"saveScreenshots":false,"generateGif":true,"previousRequestId":"req_1","chatHistory":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}],"additionalContext":{"k":"v"},"userResourceCredentials":{"jira":{"token":"t"},"salesforce":{"token":"s"}},"mcpServers":[{"url":"https://m.example/a","label":null,"description":null,"authentication":{"type":"none"},"selectedTools":null},{"url":"https://m.example/b","label":"B","description":"d","authentication":{"type":"bearer-token","bearerToken":"tok"},"selectedTools":["x"]},{"url":"https://m.example/c","label":null,"description":null,"authentication":{"type":"custom-headers","customHeaders":[{"key":"X-A","value":"1"}]},"selectedTools":null}],"secretVariables":{"pw":"s3cret"},"reasoningMode":"high","criticContext":{"agentPrompt":"p","actionTrace":[]},"executionTraceContext":{"schemaVersion":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "", nil)
				if status, answer := w.do(t, "POST", "/fast/v2/remote-dispatch", body, nil); status != 202 {
					t.Fatalf("%d %s", status, answer)
				}
				if diff := cmp.Diff(body, string(w.Tasks()[0].Body)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
