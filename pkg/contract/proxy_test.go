package contract

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Only the proxy can look up the name.
func TestACheckConnectsThroughTheProxy(t *testing.T) {
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

// through adds a proxy in front of the endpoint. It answers CONNECT with the status.
func through(t *testing.T, e *endpoint, scheme string, status int) {
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		up, err := net.Dial("tcp", e.server.Listener.Addr().String())
		if err != nil {
			// A connection that was requested and is no longer needed may come
			// after the endpoint has ended.
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
