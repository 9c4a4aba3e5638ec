package contract

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
)

// all returns the verdict for every test except those in others.
func all(verdict Verdict, others map[Verdict][]string) map[string]Verdict {
	m := map[string]Verdict{}
	for _, name := range names() {
		m[name] = verdict
	}
	for other, list := range others {
		for _, name := range list {
			m[name] = other
		}
	}
	return m
}

func tested(findings []Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Test)
	}
	return list
}

func TestAnEndpointOfPackageWebhookPasses(t *testing.T) {
	e := newEndpoint()
	findings := e.check(t)
	if diff := cmp.Diff(names(), tested(findings)); diff != "" {
		t.Errorf("order: %s", diff)
	}
	if diff := cmp.Diff(all(Pass, nil), verdicts(findings)); diff != "" {
		t.Errorf("%s\n%+v", diff, findings)
	}
	want := map[string]int{}
	for _, test := range Tests() {
		if test.Requests > 0 {
			want[test.Name] = test.Requests
		}
	}
	if diff := cmp.Diff(want, e.requests()); diff != "" {
		t.Errorf("requests: %s", diff)
	}
}

func TestCallbacksAreMarkedAsChecks(t *testing.T) {
	e := newEndpoint()
	ids := map[string]int{}
	e.handler = changing(func(r *http.Request) {
		if id, ok := callback(r)["requestId"].(string); ok {
			ids[r.Header.Get("Narada-Check")+" "+id]++ // not concurrent: only the test parallel is, and it is not looked at
		}
	})(e.handler)
	e.handler = only(e.handler, "success", "repeated")
	e.check(t)
	for key, count := range ids {
		test, id, _ := strings.Cut(key, " ")
		if !strings.HasPrefix(id, "req_check_") || count != map[string]int{"success": 1, "repeated": 2}[test] {
			t.Errorf("%s arrived %d times", key, count)
		}
	}
	if len(ids) != 2 {
		t.Errorf("%d request IDs", len(ids))
	}
}

// only gives the handler the requests of these tests, and accepts the others.
func only(handler http.Handler, tests ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(tests, r.Header.Get("Narada-Check")) {
			handler.ServeHTTP(w, r)
		}
	})
}

func TestACheckEndsWithItsContext(t *testing.T) {
	for _, during := range []string{"proof", "null-usage", "parallel"} {
		t.Run(during, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			e := newEndpoint()
			e.handler = inside(e.handler, during, cancel)
			e.start(t)
			findings := e.run(ctx, t)
			if diff := cmp.Diff(names()[:slices.Index(names(), during)], tested(findings)); diff != "" {
				t.Error(diff)
			}
			for _, f := range findings {
				if f.Verdict != Pass {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// No requests are sent after the caller has stopped.
func TestCheckStopsWhenTheCallerStops(t *testing.T) {
	e := newEndpoint()
	e.start(t)
	c, err := New(e.options)
	if err != nil {
		t.Fatal(err)
	}
	for f := range c.Run(t.Context()) {
		if f.Test == "proof" {
			break
		}
	}
	if diff := cmp.Diff(map[string]int{"proof": 1}, e.requests()); diff != "" {
		t.Error(diff)
	}
}

// inside cancels the context during a test, and does not answer its request.
func inside(next http.Handler, test string, cancel func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Narada-Check") != test {
			next.ServeHTTP(w, r)
			return
		}
		_ = body(r) // a server notices the end of its client only after reading
		cancel()
		<-r.Context().Done()
	})
}

// anyone accepts callbacks without credentials.
func anyone(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodPost:
		http.Error(w, "POST it", http.StatusMethodNotAllowed)
	case callback(r) == nil && len(body(r)) < 1<<10:
		http.Error(w, "no JSON", http.StatusBadRequest)
	}
}

func TestWithoutCredentialsTheirTestsAreSkipped(t *testing.T) {
	proofs := []string{"proof", "wrong-secret", "missing-secret", "wrong-header", "missing-header"}
	for name, test := range map[string]struct {
		put  func(*endpoint)
		want map[string]Verdict
	}{
		"the endpoint requires none": {func(e *endpoint) { e.handler = http.HandlerFunc(anyone) }, all(Pass, map[Verdict][]string{Skip: proofs})},
		"the endpoint requires some": {func(*endpoint) {}, all(Pass, map[Verdict][]string{Skip: append(after("success"), "proof"), Fail: {"success"}})},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint()
			e.options.Credentials = secret.Credentials{}
			test.put(e)
			findings := e.check(t)
			if diff := cmp.Diff(test.want, verdicts(findings)); diff != "" {
				t.Errorf("%s\n%+v", diff, findings)
			}
			for _, f := range findings {
				if slices.Contains(proofs, f.Test) && name == "the endpoint requires none" && f.Advice == "" {
					t.Errorf("%s: no advice", f.Test)
				}
			}
		})
	}
}

func TestDurationsAreMeasuredByTheGivenClock(t *testing.T) {
	e := newEndpoint()
	slow(20 * time.Millisecond)(e)
	for _, f := range e.check(t) {
		if f.Test == "repeated" && f.Duration != 40*time.Millisecond || f.Test == "null-usage" && f.Detail != "200 in 20ms" {
			t.Errorf("%+v", f)
		}
	}
}

func TestLargeBodyHasALongerTimeout(t *testing.T) {
	c, err := New(Options{URL: "https://" + host})
	if err != nil {
		t.Fatal(err)
	}
	var left []time.Duration
	for _, size := range []int{1, 8 << 20} {
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no")
		}}
		transport.Proxy = func(r *http.Request) (*url.URL, error) {
			deadline, _ := r.Context().Deadline()
			left = append(left, time.Until(deadline).Round(time.Second))
			return nil, nil
		}
		c.send(t.Context(), transport, test{}, deliver.Callback{Header: http.Header{}, Body: make([]byte, size)})
	}
	if diff := cmp.Diff([]time.Duration{10 * time.Second, 50 * time.Second}, left); diff != "" {
		t.Error(diff)
	}
}
