package doctor

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/secret"
)

// transport is an API without a network.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func answering(status int, header http.Header) transport {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}
}

// silent does not answer before the context ends.
func silent(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func unreachable(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }

func TestAPICheckReportsWhetherTheAPIAnswers(t *testing.T) {
	const where = "https://api.example/v2"
	for name, test := range map[string]struct {
		base string
		api  transport
		want contract.Finding
	}{
		"answers":          {where, answering(200, nil), contract.Passed(where + " answers in 1ms")},
		"not found":        {where, answering(404, nil), contract.Passed(where + " answers in 1ms")},
		"requires a key":   {where, answering(401, nil), contract.Passed(where + " answers in 1ms")},
		"server error":     {where, answering(502, nil), contract.Failed(where+" answers 502", "The API has a problem: try again later.")},
		"no answer":        {where, silent, contract.Failed(where+" does not answer within 10s", "Check the network. The proxy is read from HTTPS_PROXY.")},
		"unreachable":      {where, unreachable, contract.Failed(where+`: Get "https://api.example/v2/sdk/config": no route`, "Check the network and base-url. The proxy is read from HTTPS_PROXY.")},
		"invalid base URL": {"ftp://x", nil, contract.Failed(`"ftp://x" is not an https URL`, "Correct base-url (flag --base-url).")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(Options{BaseURL: test.base, BaseURLOrigin: "flag --base-url", API: test.api, Explain: explain})
				judge(t, d.api(t.Context()), test.want)
			})
		})
	}
}

func TestClockCheckReportsTheDifference(t *testing.T) {
	const advice = "Synchronize the clock: certificates and task times depend on it."
	for date, want := range map[string]contract.Finding{
		"":                              contract.Skipped("the API sent no date", ""),
		"yesterday":                     contract.Skipped("the API sent no date", ""),
		"Sat, 01 Jan 2000 00:00:00 GMT": contract.Passed("within 1s of the API's"),
		"Sat, 01 Jan 2000 00:01:00 GMT": contract.Passed("within 1m0s of the API's"),
		"Sat, 01 Jan 2000 00:01:01 GMT": contract.Warned("off by 1m1s", advice),
		"Fri, 31 Dec 1999 23:55:00 GMT": contract.Warned("off by 5m0s", advice),
		"Fri, 31 Dec 1999 23:54:59 GMT": contract.Failed("off by 5m1s", advice),
		"Sat, 01 Jan 2000 01:00:00 GMT": contract.Failed("off by 1h0m0s", advice),
	} {
		t.Run(date, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // starts at midnight UTC on 1 January 2000
				d := New(Options{BaseURL: "https://api.example/", API: answering(200, http.Header{"Date": {date}})})
				if f := d.api(t.Context()); f.Verdict != contract.Pass {
					t.Fatalf("%+v", f)
				}
				judge(t, d.clock(t.Context()), want)
			})
		})
	}
}

func TestAPIKeyCheckReportsWhetherTheKeyIsAccepted(t *testing.T) {
	const where = "environment NARADA_API_KEY"
	for name, test := range map[string]struct {
		key, base string
		api       transport
		want      contract.Finding
	}{
		"not set":       {"", "https://api.example/", nil, contract.Failed("no API key is set", "Set NARADA_API_KEY, or store one: narada login")},
		"no such task":  {"k", "https://api.example/", answering(404, nil), contract.Passed("accepted (" + where + ")")},
		"refused":       {"k", "https://api.example/", answering(401, nil), contract.Failed("refused with 401 ("+where+")", "(how to replace it)")},
		"forbidden":     {"k", "https://api.example/", answering(403, nil), contract.Failed("refused with 403 ("+where+")", "(how to replace it)")},
		"another error": {"k", "https://api.example/", answering(503, nil), contract.Warned("not verified: the API answers 503", "Try again later.")},
		"unreachable":   {"k", "https://api.example/", unreachable, contract.Skipped("the API was not reached", "")},
		"no answer":     {"k", "https://api.example/", silent, contract.Skipped("the API was not reached", "")},
		"no base URL":   {"k", "ftp://x", nil, contract.Skipped("the base URL is not valid", "")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(Options{APIKey: secret.New(test.key), APIKeyOrigin: where, ReplaceKey: "(how to replace it)", BaseURL: test.base, API: test.api})
				judge(t, d.apiKey(t.Context()), test.want)
			})
		})
	}
}

// Without a key, the API is called with "none".
func TestRequestsToTheAPIHaveTheKey(t *testing.T) {
	for key, want := range map[string]string{"the-key": "the-key", "": "none"} {
		seen := map[string]string{}
		api := transport(func(r *http.Request) (*http.Response, error) {
			seen[r.Method+" "+r.URL.Path] = r.Header.Get("x-api-key") + ", " + r.Header.Get("User-Agent")
			return answering(404, nil)(r)
		})
		d := New(Options{APIKey: secret.New(key), BaseURL: "https://api.example/v2", UserAgent: "narada-cli/1", API: api, Explain: explain})
		d.api(t.Context())
		d.apiKey(t.Context())
		if got := seen["GET /v2/sdk/config"]; got != want+", narada-cli/1" {
			t.Errorf("key %q: got %q of %v", key, got, seen)
		}
		if n := len(seen); (key != "") != (n == 2) {
			t.Errorf("key %q: %d calls: %v", key, n, seen)
		}
	}
}
