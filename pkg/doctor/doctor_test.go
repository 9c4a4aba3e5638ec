package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, ngroktest.IgnoreLibrary()...) }

// hinted is an error with a hint.
type hinted struct{ text, hint string }

func (e hinted) Error() string { return e.text }
func (e hinted) Hint() string  { return e.hint }

// explain returns the hint of an error as the advice.
func explain(err error) (text, advice string) {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return err.Error(), h.Hint()
	}
	return err.Error(), "report it"
}

// wellOptions returns options with which every check passes, with a loopback address.
func wellOptions(t *testing.T) Options {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return Options{
		StateDir: func() (string, error) { return t.TempDir() + "/narada", nil },
		Ledger:   func(context.Context) (Ledger, error) { return nil, nil },
		BaseURL:  "https://api.example/v2", BaseURLOrigin: "default",
		APIKey: secret.New("the-key"), APIKeyOrigin: "environment NARADA_API_KEY",
		API: answering(http.StatusNotFound, nil),
		Endpoint: func() (tunnel.Config, bool, error) {
			return tunnel.Config{Loopback: true, PathPrefix: "/narada/"}, true, nil
		},
		Transport: transport, Random: rand.Reader,
		Proxy:   func(*url.URL) (*url.URL, error) { return nil, nil },
		Explain: explain, Quote: func(text string) string { return "'" + text + "'" },
	}
}

// judge compares verdict, detail and advice of a finding.
func judge(t *testing.T, got, want contract.Finding) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(contract.Finding{}, "Test", "Duration")); diff != "" {
		t.Error(diff)
	}
}

func verdicts(findings []contract.Finding) (list []string) {
	for _, f := range findings {
		list = append(list, fmt.Sprint(f.Test, " ", f.Verdict))
	}
	return list
}

func TestTheChecksRunInOrder(t *testing.T) {
	d := New(wellOptions(t))
	if d.Progress() != "" {
		t.Errorf("%q is in progress before the first", d.Progress())
	}
	var findings []contract.Finding
	for f := range d.Run(t.Context()) {
		if d.Progress() != f.Test || f.Duration < 0 {
			t.Errorf("%+v, while %q is in progress", f, d.Progress())
		}
		findings = append(findings, f)
	}
	want := []string{
		"settings PASS", "state-dir PASS", "ledger SKIP", "proxy PASS", "api PASS", "clock SKIP", "api-key PASS",
		"browser-window WARN", "ngrok-token SKIP", "ngrok SKIP", "public-endpoint PASS", "callback PASS",
	}
	if diff := cmp.Diff(want, verdicts(findings)); diff != "" {
		t.Errorf("%s\n%+v", diff, findings)
	}
}

func TestTheUsersEndpointIsCheckedLast(t *testing.T) {
	o := wellOptions(t)
	var err error
	if o.Check, err = contract.New(contract.Options{URL: "http://127.0.0.1:1/", AllowHTTP: true}); err != nil {
		t.Fatal(err)
	}
	d := New(o)
	var names []string
	for f := range d.Run(t.Context()) {
		names = append(names, f.Test)
	}
	var want []string
	for _, c := range checks {
		if !strings.HasPrefix(c.name, "store") {
			want = append(want, c.name)
		}
	}
	for _, test := range contract.Tests() {
		want = append(want, test.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if d.Progress() != "endpoint" {
		t.Errorf("%q was in progress", d.Progress())
	}
}

// The end of ctx may be the reason for the finding of the check in progress.
func TestTheEndOfTheContextEndsTheChecks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := wellOptions(t)
	o.Proxy = func(*url.URL) (*url.URL, error) {
		cancel()
		return nil, nil
	}
	findings := slices.Collect(New(o).Run(ctx))
	if diff := cmp.Diff([]string{"settings PASS", "state-dir PASS", "ledger SKIP"}, verdicts(findings)); diff != "" {
		t.Error(diff)
	}
}

func TestTheEndpointIsClosed(t *testing.T) {
	for _, last := range []string{"public-endpoint", "callback", ""} {
		d := New(wellOptions(t))
		var address string
		for f := range d.Run(t.Context()) {
			if f.Test == "public-endpoint" {
				address = f.Detail
			}
			if f.Test == last {
				break
			}
		}
		transport := &http.Transport{}
		resp, err := (&http.Client{Transport: transport}).Get(address)
		if err == nil {
			resp.Body.Close()
		}
		if address == "" || err == nil || d.endpoint != nil {
			t.Errorf("after %q the endpoint still answers at %q", last, address)
		}
		transport.CloseIdleConnections()
	}
}
