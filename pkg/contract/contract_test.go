package contract

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
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
			ids[r.Header.Get("Narada-Check")+" "+id]++ // only parallel is parallel, and it is not looked at
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

// only lets the handler see the requests of these tests, and accepts the others.
func only(handler http.Handler, tests ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(tests, r.Header.Get("Narada-Check")) {
			handler.ServeHTTP(w, r)
		}
	})
}

func TestNothingIsSentWithoutAValidCertificate(t *testing.T) {
	for _, f := range append(tlsFlaws(), addressFlaws()...) {
		if f.verdict == Warn || f.test == "public-address" {
			continue
		}
		t.Run(f.test+": "+f.name, func(t *testing.T) {
			e := newEndpoint()
			f.put(e)
			e.check(t)
			if len(e.seen) != 0 {
				t.Errorf("requests: %v", e.requests())
			}
		})
	}
}

// A server that changes its certificate after the first look gets no callback.
func TestCallbacksVerifyTheCertificateToo(t *testing.T) {
	e := newEndpoint()
	good, bad := e.tls.Certificates[0], shown(sign(leaf(), nil))
	var looks atomic.Int32
	e.tls.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if looks.Add(1) == 1 {
			return &tls.Config{Certificates: []tls.Certificate{good}}, nil
		}
		return &tls.Config{Certificates: []tls.Certificate{bad}}, nil
	}
	findings := e.check(t)
	want := all(Pass, map[Verdict][]string{Fail: {"proof"}, Skip: after("proof")})
	if diff := cmp.Diff(want, verdicts(findings)); diff != "" {
		t.Error(diff)
	}
	if len(e.seen) != 0 {
		t.Errorf("requests: %v", e.requests())
	}
}

func TestFindingsHaveNoSecrets(t *testing.T) {
	const query = "key=of-the-query"
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.String())
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %q %s %s", r.URL, r.Header, r.Header, body(r), hookSecret)
	}
	for name, put := range map[string]func(*endpoint){
		"an echo": func(*endpoint) {},
		"an echo of the body": func(e *endpoint) {
			e.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusTeapot)
				_, _ = w.Write(body(r))
			})
		},
		"a redirect":             func(e *endpoint) { e.handler = http.RedirectHandler(path+"/x?"+query, http.StatusFound) },
		"a redirect to a secret": func(e *endpoint) { e.handler = http.RedirectHandler("https://"+token+".example/", http.StatusFound) },
		"no connection":          func(e *endpoint) { e.tls = nil },
		"a broken connection": inFront(func(http.Handler) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint()
			e.handler = http.HandlerFunc(echo)
			e.options.URL += "?" + query
			put(e)
			text := fmt.Sprintf("%+v", e.check(t))
			for _, private := range []string{hookSecret, `s3cr3t`, token, path, "unguessable-path", query, "of-the-query"} {
				if strings.Contains(text, private) {
					t.Errorf("%q is in %s", private, text)
				}
			}
		})
	}
}

func TestTruncatedSecretIsMasked(t *testing.T) {
	c := &Check{private: newMasker(&url.URL{}, secret.NewCredentials(secret.New("secret-of-twenty-one"), nil))}
	answer := strings.Repeat(" ", 4<<10-10) + "secret-of-"
	if got := c.answered(deliver.Attempt{StatusCode: 400, Answer: []byte(answer)}); got != "400: ***" {
		t.Errorf("got %q", got)
	}
	if got := c.answered(deliver.Attempt{StatusCode: 400, Answer: []byte("secret-of-")}); got != "400: secret-of-" {
		t.Errorf("got %q", got)
	}
}

func TestAnswersAreOneLine(t *testing.T) {
	for answer, want := range map[string]string{
		"<h1>\n  Oh\tno\r\n</h1>\n":  "<h1> Oh no </h1>",
		"\x1b[31mred \u202eback\x00": "[31mred back",
		"\xff\xfe":                   "\ufffd\ufffd",
		strings.Repeat("ü", 101):     strings.Repeat("ü", 99) + "…",
		"":                           "",
	} {
		if got := oneLine(answer); got != want {
			t.Errorf("%q becomes %q, want %q", answer, got, want)
		}
	}
}

func TestContextEndsTheTests(t *testing.T) {
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

// A caller that wants no more findings has no more requests sent.
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

// inside ends the context during a test, and answers then no more.
func inside(next http.Handler, test string, cancel func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Narada-Check") != test {
			next.ServeHTTP(w, r)
			return
		}
		_ = body(r) // only then does a server see that its client has gone
		cancel()
		<-r.Context().Done()
	})
}

func TestLocalEndpoint(t *testing.T) {
	e := newEndpoint()
	e.tls = nil
	e.options.AllowHTTP = true
	e.start(t)
	e.options.URL = e.server.URL + path
	e.options.Transport = nil
	findings := e.run(t.Context(), t)
	want := all(Pass, map[Verdict][]string{
		Skip: {"https", "public-address", "tls-version", "certificate-host", "certificate-dates", "certificate-chain", "certificate-trusted"},
	})
	if diff := cmp.Diff(want, verdicts(findings)); diff != "" {
		t.Errorf("%s\n%+v", diff, findings)
	}
}

func TestMissingLocalEndpoint(t *testing.T) {
	e := newEndpoint()
	e.tls = nil
	e.options.AllowHTTP = true
	e.options.URL = "http://127.0.0.1" + path
	e.options.Transport = func() *http.Transport {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no") }}
	}
	got := verdicts(e.check(t))
	if got["name"] != Pass || got["connects"] != Fail || got["proof"] != Skip {
		t.Errorf("%v", got)
	}
}

// anyone accepts callbacks without a proof.
func anyone(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodPost:
		http.Error(w, "POST it", http.StatusMethodNotAllowed)
	case callback(r) == nil && len(body(r)) < 1<<10:
		http.Error(w, "no JSON", http.StatusBadRequest)
	}
}

func TestCheckWithoutCredentials(t *testing.T) {
	proofs := []string{"proof", "wrong-secret", "missing-secret", "wrong-header", "missing-header"}
	for name, test := range map[string]struct {
		put  func(*endpoint)
		want map[string]Verdict
	}{
		"none is wanted": {func(e *endpoint) { e.handler = http.HandlerFunc(anyone) }, all(Pass, map[Verdict][]string{Skip: proofs})},
		"one is wanted":  {func(*endpoint) {}, all(Pass, map[Verdict][]string{Skip: append(after("success"), "proof"), Fail: {"success"}})},
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
				if slices.Contains(proofs, f.Test) && name == "none is wanted" && f.Advice == "" {
					t.Errorf("%s: no advice", f.Test)
				}
			}
		})
	}
}

func TestUsableURLs(t *testing.T) {
	for address, usable := range map[string]bool{
		"https://hook.example/unguessable": true, "https://münchen.example/unguessable": true, "https://[2606:2800::1]:8443/unguessable": true,
		"": false, "hook.example/unguessable": false, "ftp://hook.example/unguessable": false, "https:///unguessable": false,
		"https://user:unguessable@hook.example/": false, "https://hook.example/%zzunguessable": false, "https://\u00ad/unguessable": false,
	} {
		_, err := New(Options{URL: address})
		_, wrong := errors.AsType[*URLError](err)
		if (err == nil) != usable || wrong == usable || err != nil && strings.Contains(err.Error(), "unguessable") {
			t.Errorf("%q: %v", address, err)
		}
	}
	_, err := New(Options{URL: "http://hook.example/", AllowHTTP: true})
	if wrong, ok := errors.AsType[*URLError](err); !ok || !wrong.Unencrypted {
		t.Errorf("plain http to another machine: %v", err)
	}
	if _, err := New(Options{URL: "https://hook.example/", Random: strings.NewReader("short")}); err == nil {
		t.Error("no randomness, and no error")
	}
}

func TestPublicAddresses(t *testing.T) {
	for address, public := range map[string]bool{
		"93.184.215.14": true, "1.1.1.1": true, "100.63.255.255": true, "100.128.0.1": true, "172.32.0.1": true,
		"2606:4700:4700::1111": true, "64:ff9b::1.1.1.1": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.127.255.255": false, "0.0.0.0": false, "0.1.2.3": false, "::": false, "224.0.0.1": false, "ff02::1": false,
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "198.19.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"fd00::1": false, "fe80::1%eth0": false, "fec0::1": false, "2001:db8::1": false, "3fff::1": false, "100::1": false, "2001::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::10.0.0.1": false, "64:ff9b:1::1": false,
	} {
		if kind := notPublic(netip.MustParseAddr(address)); (kind == "") != public {
			t.Errorf("%s is %q", address, kind)
		}
	}
}

// An endpoint behind a proxy, to which the name is known and not to this machine.
func TestCheckThroughAProxy(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			e := newEndpoint()
			e.options.LookupHost = resolving()
			through(t, e, scheme, http.StatusOK)
			findings := e.check(t)
			if diff := cmp.Diff(all(Pass, map[Verdict][]string{Skip: {"name", "public-address"}}), verdicts(findings)); diff != "" {
				t.Errorf("%s\n%+v", diff, findings)
			}
		})
		t.Run(scheme+" that refuses", func(t *testing.T) {
			e := newEndpoint()
			through(t, e, scheme, http.StatusForbidden)
			findings := e.check(t)
			if diff := cmp.Diff(all(Pass, map[Verdict][]string{Fail: {"connects"}, Skip: after("connects")}), verdicts(findings)); diff != "" {
				t.Errorf("%s\n%+v", diff, findings)
			}
		})
	}
}

// through puts a proxy in front of the endpoint that answers CONNECT with the status.
func through(t *testing.T, e *endpoint, scheme string, status int) {
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		up, err := net.Dial("tcp", e.server.Listener.Addr().String())
		if err != nil {
			// A connection that was no longer needed when it was asked for may
			// come after the endpoint's end.
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer up.Close()
		down, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer down.Close()
		_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(up, down)
			up.Close()
		}()
		_, _ = io.Copy(down, up)
		down.Close()
		<-done
	}))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	roots := x509.NewCertPool()
	if scheme == "https" {
		proxy.StartTLS()
		roots.AddCert(proxy.Certificate())
	} else {
		proxy.Start()
	}
	t.Cleanup(proxy.Close)
	e.options.Transport = func() *http.Transport {
		return &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }, TLSClientConfig: &tls.Config{RootCAs: roots}}
	}
}

// Windows and macOS may find an intermediate certificate that was not sent.
func TestChainCompletedByTheSystem(t *testing.T) {
	a := known()
	l := sign(leaf(), &a.intermediate).certificate
	chains := [][]*x509.Certificate{{l, a.intermediate.certificate, a.root.certificate}}
	if !breaksOff([]*x509.Certificate{l}, chains, nil) {
		t.Error("without the intermediate certificate the chain is whole")
	}
	if breaksOff([]*x509.Certificate{l, a.intermediate.certificate}, chains, nil) {
		t.Error("with the intermediate certificate the chain is broken")
	}
}

func TestDurationsAreByTheClock(t *testing.T) {
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
