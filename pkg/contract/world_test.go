package contract

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The endpoint of the tests, and the credentials of its callbacks.
const (
	host       = "hook.narada-check.com"
	path       = "/hooks/unguessable-path"
	hookSecret = `s3cr3t "<quoted>"`
	token      = "t0k3n-of-the-endpoint"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// signer is a certificate with its key.
type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// authorities are a trusted root, an untrusted root, and an intermediate of each.
type authorities struct {
	root, intermediate, untrustedRoot, untrustedIntermediate signer
}

var known = sync.OnceValue(func() authorities {
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	root, untrusted := sign(ca("Root"), nil), sign(ca("Untrusted Root"), nil)
	return authorities{root, sign(ca("Intermediate"), &root), untrusted, sign(ca("Untrusted Intermediate"), &untrusted)}
})

// sign makes a certificate from the template, signed by the issuer or, without one,
// self-signed. By default it is valid for ten years around now.
func sign(template *x509.Certificate, issuer *signer) signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotAfter = now.AddDate(5, 0, 0)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = now.AddDate(-5, 0, 0)
	}
	if issuer == nil {
		issuer = &signer{template, key}
	}
	doc, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), issuer.key)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(doc)
	if err != nil {
		panic(err)
	}
	return signer{certificate, key}
}

// leaf returns the template of a valid certificate of the endpoint.
func leaf() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "Leaf"}, DNSNames: []string{host},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// shown returns what a server sends: a leaf and other certificates.
func shown(leaf signer, others ...signer) tls.Certificate {
	c := tls.Certificate{PrivateKey: leaf.key, Certificate: [][]byte{leaf.certificate.Raw}}
	for _, other := range others {
		c.Certificate = append(c.Certificate, other.certificate.Raw)
	}
	return c
}

// issued returns a leaf from the template, issued by the known intermediate, with the
// certificates that a server should send.
func issued(template *x509.Certificate) tls.Certificate {
	intermediate := known().intermediate
	return shown(sign(template, &intermediate), intermediate)
}

// clock is a clock that changes only when it is advanced.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// endpoint is a server and the options of its check. It meets the contract unless a flaw
// is added before start.
type endpoint struct {
	handler http.Handler
	tls     *tls.Config // nil: plain http
	clock   *clock
	options Options
	server  *httptest.Server

	skimming bool // large bodies are accepted unread, which halves the time

	mu   sync.Mutex
	seen []*http.Request
}

func newEndpoint() *endpoint {
	e := &endpoint{clock: &clock{now: now}}
	e.handler = genuine()
	e.tls = &tls.Config{Certificates: []tls.Certificate{issued(leaf())}}
	roots := x509.NewCertPool()
	roots.AddCert(known().root.certificate)
	e.options = Options{
		URL: "https://" + host + path, Credentials: secret.NewCredentials(secret.New(hookSecret), http.Header{"Authorization": {"Bearer " + token}}),
		Roots: roots, Random: rand.Reader, Now: e.clock.Now, Timeout: time.Minute,
		LookupHost: resolving("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"),
	}
	e.options.Transport = func() *http.Transport {
		return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, e.server.Listener.Addr().String())
		}}
	}
	return e
}

func resolving(addresses ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, name string) ([]netip.Addr, error) {
		if name != host {
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		}
		var list []netip.Addr
		for _, address := range addresses {
			list = append(list, netip.MustParseAddr(address))
		}
		return list, nil
	}
}

// genuine returns the handler of package webhook, which meets the contract.
func genuine(options ...webhook.Option) http.Handler {
	ticket := webhook.Ticket{Path: path, Header: http.Header{"Authorization": {"Bearer " + token}}, Secret: hookSecret}
	sink := webhook.SinkFunc(func(context.Context, webhook.Delivery) error { return nil })
	return webhook.NewHandler(ticket, sink, options...)
}

func (e *endpoint) start(t *testing.T) {
	t.Helper()
	e.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.seen = append(e.seen, r)
		e.mu.Unlock()
		if e.skimming && r.ContentLength > 1<<20 {
			_, _ = io.Copy(io.Discard, r.Body)
			return
		}
		e.handler.ServeHTTP(w, r)
	}))
	e.server.Config.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are expected
	if e.tls == nil {
		e.server.Start()
	} else {
		e.server.TLS = e.tls
		e.server.StartTLS()
	}
	t.Cleanup(e.server.Close)
}

// requests returns the number of requests of each test.
func (e *endpoint) requests() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	counts := map[string]int{}
	for _, r := range e.seen {
		counts[r.Header.Get("Narada-Check")]++
	}
	return counts
}

// check starts the endpoint and runs all tests against it.
func (e *endpoint) check(t *testing.T) []Finding {
	t.Helper()
	e.start(t)
	return e.run(t.Context(), t)
}

// run runs the tests until ctx ends.
func (e *endpoint) run(ctx context.Context, t *testing.T) []Finding {
	t.Helper()
	c, err := New(e.options)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(c.Run(ctx))
}

func verdicts(findings []Finding) map[string]Verdict {
	m := map[string]Verdict{}
	for _, f := range findings {
		m[f.Test] = f.Verdict
	}
	return m
}

func names() []string {
	var list []string
	for _, test := range Tests() {
		list = append(list, test.Name)
	}
	return list
}

// from returns the names of the tests from one to the last.
func from(name string) []string { return names()[slices.Index(names(), name):] }

// body returns the body of a request, which can be read again.
func body(r *http.Request) []byte {
	doc, _ := io.ReadAll(r.Body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(doc)), int64(len(doc))
	return doc
}

// setBody replaces the body of a request.
func setBody(r *http.Request, doc []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(doc)), int64(len(doc))
}

// callback returns the callback in a request, nil if there is none. Large bodies are not
// decoded, which would take long.
func callback(r *http.Request) map[string]any {
	var members map[string]any
	if doc := body(r); len(doc) < 1<<20 {
		_ = json.Unmarshal(doc, &members)
	}
	return members
}

// refusing answers requests of a kind with the status; next gets the others.
func refusing(status int, kind func(*http.Request) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if kind(r) {
				http.Error(w, "refused", status)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// changing changes each request before next gets it.
func changing(change func(*http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			change(r)
			next.ServeHTTP(w, r)
		})
	}
}
