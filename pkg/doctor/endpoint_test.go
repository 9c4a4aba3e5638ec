package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

func TestNgrokTokenCheckNamesTheOriginOfTheToken(t *testing.T) {
	ngrok := tunnel.Config{Ngrok: &tunnel.Ngrok{Authtoken: secret.New("token")}}
	for name, test := range map[string]struct {
		config tunnel.Config
		ok     bool
		err    error
		origin string
		want   contract.Finding
	}{
		"of a setting":     {ngrok, true, nil, "environment NGROK_AUTHTOKEN", contract.Passed("environment NGROK_AUTHTOKEN")},
		"of ngrok's agent": {ngrok, true, nil, "", contract.Passed("from the ngrok agent's config file; used only by listen and --via callback")},
		"not needed":       {tunnel.Config{Loopback: true}, true, nil, "", contract.Skipped("not needed for your own address", "")},
		"none":             {tunnel.Config{}, false, nil, "", contract.Warned("no ngrok authtoken is set: answers come by polling only", "Set NGROK_AUTHTOKEN (https://dashboard.ngrok.com/get-started/your-authtoken), or use --public-url URL --addr HOST:PORT.")},
		"of bad settings":  {tunnel.Config{}, false, hinted{"no certificate", "give one"}, "", contract.Failed("no certificate", "give one")},
	} {
		t.Run(name, func(t *testing.T) {
			d := New(Options{Endpoint: func() (tunnel.Config, bool, error) { return test.config, test.ok, test.err }, AuthtokenOrigin: test.origin, Explain: explain})
			judge(t, d.ngrokToken(t.Context()), test.want)
			if d.canOpen != (test.ok && test.err == nil) {
				t.Errorf("an address can be opened: %v", d.canOpen)
			}
		})
	}
}

// behind returns options with a public endpoint of ngrok.
func behind(t *testing.T, edge *ngroktest.Edge) Options {
	o := wellOptions(t)
	o.AuthtokenOrigin = "environment NGROK_AUTHTOKEN"
	o.Endpoint = func() (tunnel.Config, bool, error) {
		return tunnel.Config{PathPrefix: "/narada/", Ngrok: &tunnel.Ngrok{
			Authtoken: secret.New("the-token"), ConnectURL: edge.ConnectURL(), ConnectCAs: edge.CAs(), Client: "narada-cli", Version: "1",
		}}, true, nil
	}
	o.Transport = edge.Client().Transport
	return o
}

func TestNgrokCheckConnectsToTheService(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*ngroktest.Edge)
		want  map[string]string // regular expressions for details, by test
		not   []string          // tests whose verdict is not PASS, with the verdict
	}{
		"everything works": {func(*ngroktest.Edge) {}, map[string]string{
			"ngrok": `^127\.0\.0\.1:\d+ answers in \d+m?s, region local$`, "public-endpoint": `^https://127\.0\.0\.1:\d+$`,
			"callback": `^a sample was sent and received in [0-9.]+m?s$`,
		}, nil},
		"token revoked": {func(e *ngroktest.Edge) { e.RefuseAuth("ERR_NGROK_107", "") }, map[string]string{
			"public-endpoint": `^ngrok refused the authtoken: it is revoked or was reset \(ERR_NGROK_107\)$`, "callback": "^no endpoint is open$",
		}, []string{"public-endpoint FAIL", "callback SKIP"}},
		"unreachable": {func(e *ngroktest.Edge) { e.Pause() }, map[string]string{
			"ngrok": `^cannot reach ngrok \(127\.0\.0\.1:\d+\): `, "public-endpoint": "^no endpoint can be opened$",
		}, []string{"ngrok FAIL", "public-endpoint SKIP", "callback SKIP"}},
	} {
		t.Run(name, func(t *testing.T) {
			edge, err := ngroktest.New(ngroktest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer edge.Close()
			test.spoil(edge)
			var not []string
			for f := range New(behind(t, edge)).Run(t.Context()) {
				if want := test.want[f.Test]; !regexp.MustCompile(want).MatchString(f.Detail) {
					t.Errorf("%s: %q, want %q", f.Test, f.Detail, want)
				}
				if slices.Contains([]string{"ngrok-token", "ngrok", "public-endpoint", "callback"}, f.Test) && f.Verdict != contract.Pass {
					not = append(not, f.Test+" "+string(f.Verdict))
				}
				if f.Verdict == contract.Fail && f.Advice == "" || strings.Contains(f.Detail+f.Advice, "the-token") {
					t.Errorf("%+v", f)
				}
			}
			if diff := cmp.Diff(test.not, not); diff != "" {
				t.Error(diff)
			}
			if edge.Online() != 0 {
				t.Error("the endpoint was not closed")
			}
		})
	}
}

func TestCallbackCheckSendsASample(t *testing.T) {
	isProbe := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "probe-") }
	const advice = "The address cannot be reached from here: check firewall, proxy and DNS. It may still work from the cloud."
	for name, test := range map[string]struct {
		limit     time.Duration
		transport func(next http.RoundTripper, r *http.Request) (*http.Response, error)
		random    io.Reader
		want      contract.Finding
	}{
		"unreachable": {50 * time.Millisecond, func(http.RoundTripper, *http.Request) (*http.Response, error) {
			return nil, errors.New("no route")
		}, nil, contract.Failed("URL does not answer: no route", advice)},
		"sample lost": {time.Minute, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if isProbe(r) {
				return next.RoundTrip(r)
			}
			return nil, errors.New("no route")
		}, nil, contract.Failed("no route", advice)},
		"sample refused": {time.Minute, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if isProbe(r) {
				return next.RoundTrip(r)
			}
			return answering(403, nil)(r)
		}, nil, contract.Failed("the callback was refused: 403 Forbidden", advice)},
		"accepted by another server": {time.Minute, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if isProbe(r) {
				return next.RoundTrip(r)
			}
			return answering(200, nil)(r)
		}, nil, contract.Failed("it was accepted, but not received here", advice)},
		"no random source": {time.Minute, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			return next.RoundTrip(r)
		}, strings.NewReader("too short"), contract.Failed("ticket: unexpected EOF", "report it")},
	} {
		t.Run(name, func(t *testing.T) {
			o := wellOptions(t)
			next := o.Transport
			o.Transport = transport(func(r *http.Request) (*http.Response, error) { return test.transport(next, r) })
			if test.random != nil {
				o.Random = test.random
			}
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			defer cancel()
			d := New(o)
			d.ngrokToken(t.Context())
			if f := d.publicEndpoint(t.Context()); f.Verdict != contract.Pass {
				t.Fatalf("%+v", f)
			}
			defer d.closeEndpoint()
			got := d.callback(ctx)
			got.Detail = strings.ReplaceAll(got.Detail, d.endpoint.URL().String(), "URL")
			judge(t, got, test.want)
		})
	}
}

func TestFailureToOpenTheEndpointIsReported(t *testing.T) {
	o := wellOptions(t)
	o.Endpoint = func() (tunnel.Config, bool, error) {
		return tunnel.Config{Ingress: &tunnel.Ingress{Addr: "192.0.2.1:1", PublicURL: "https://hook.example/"}}, true, nil
	}
	d := New(o)
	d.ngrokToken(t.Context())
	if f := d.publicEndpoint(t.Context()); f.Verdict != contract.Fail || f.Detail == "" {
		t.Errorf("%+v", f)
	}
	if f := d.callback(t.Context()); f.Verdict != contract.Skip {
		t.Errorf("%+v", f)
	}
}
