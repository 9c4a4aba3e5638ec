package ngroktest

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheEdgeEnforcesOnePolicyAndRefusesAllOthers(t *testing.T) {
	const good = `{"on_http_request":[{"expressions":["req.method != 'POST' || !req.url.path.startsWith('/a/')"],"actions":[{"type":"deny","config":{"status_code":404}}]}]}`
	p, err := parsePolicy(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		method, path string
		denied       bool
	}{
		{"POST", "/a/x", false}, {"POST", "/a/", false}, {"POST", "/a", true}, {"POST", "/b/a/", true}, {"GET", "/a/x", true},
	} {
		r, err := http.NewRequest(tc.method, "https://example.com"+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.denies(r) != tc.denied {
			t.Errorf("%s %s: denied is %v", tc.method, tc.path, !tc.denied)
		}
	}
	for _, bad := range []string{
		"on_http_request: []",
		`{}`,
		`{"on_http_response":[]}`,
		strings.Replace(good, "deny", "log", 1),
		strings.Replace(good, "||", "&&", 1),
		strings.Replace(good, "startsWith", "endsWith", 1),
	} {
		if _, err := parsePolicy(bad); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
	if p, err := parsePolicy(""); err != nil || p.denies(&http.Request{Method: "GET"}) {
		t.Errorf("without a policy: %v", err)
	}
}

func TestARefusalHasNgroksFormat(t *testing.T) {
	r := &refusal{code: "ERR_NGROK_1", message: "no {authtoken}\nhere"}
	if got, want := r.text("t"), "no t\r\nhere\r\n\r\nERR_NGROK_1\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
