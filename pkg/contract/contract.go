// Package contract tests whether a webhook endpoint meets the contract of Narada
// Cloud's callbacks: a public https address, a certificate that the cloud can verify,
// a prompt 200 without a redirect for every kind of callback, and no acceptance of
// callbacks without its header and secret.
//
// Check.Run sends real callbacks, with request IDs that start with req_check_ and the
// header Narada-Check with the name of the test. The endpoint processes them like
// those of a task, so the user must confirm a check first. One flaw fails one test;
// tests whose outcome follows from a failed one are skipped.
//
// The header and secret of the endpoint are sent only after https, the certificate
// and the host have been verified, or over plain http if the caller allows it. No
// finding contains them, or the path and query of the URL.
//
// The package is private to narada.
package contract

import (
	"cmp"
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/secret"
)

// Options configure a check. Only URL is required.
type Options struct {
	URL string

	// Credentials are the callbackHeaders and callbackSecret of a dispatch. Tests that
	// need one that is missing are skipped.
	Credentials secret.Credentials

	// AllowHTTP accepts plain http to this machine and private networks, with the header
	// and secret unencrypted, and addresses that are not public.
	AllowHTTP bool
	// Unverified sends callbacks whatever the certificate is. A test of it that fails is a
	// warning.
	Unverified bool

	// Transport returns a transport with a DialContext and the caller's proxy; nil: a
	// clone of http.DefaultTransport. The check sets its TLS configuration.
	Transport func() *http.Transport
	Roots     *x509.CertPool // trusted authorities; nil: the system's
	// Authorities are trusted too, but other senders do not know them.
	Authorities []*x509.Certificate

	LookupHost func(ctx context.Context, host string) ([]netip.Addr, error) // nil: network.LookupHost
	Random     io.Reader                                                    // a cryptographic source; nil: crypto/rand.Reader
	Now        func() time.Time                                             // safe for concurrent use; nil: time.Now

	// Timeout limits one request, plus 5 s for each MiB of its body; 0: 10 s.
	Timeout time.Duration
}

// Check is one run of the tests.
type Check struct {
	Options
	url       *url.URL
	host      string // of the URL, in ASCII
	random    io.Reader
	private   *secret.Masker
	transport *http.Transport // for callbacks
	proxy     *url.URL        // nil: none

	addresses []netip.Addr
	handshake *tls.ConnectionState // nil: none was completed
	noTLS     string               // why not
	answers   []time.Duration      // to the documented samples

	verdicts map[string]Verdict
	stopped  string // why later tests are skipped, "" if they are not
	unsent   string // why no callbacks are sent, "" if they are
}

// New returns a Check. The error is a *network.AddressError, or one of Options.Random.
func New(o Options) (*Check, error) {
	u, host, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	if o.AllowHTTP {
		if err := network.CheckPlain(u, true); err != nil {
			return nil, err
		}
	}
	if o.Roots == nil {
		o.Roots = network.Roots(o.Authorities)
	} else {
		o.Roots = network.Pool(o.Roots, o.Authorities)
	}
	c := &Check{Options: withDefaults(o), url: u, host: host, verdicts: map[string]Verdict{}}
	var seed [32]byte
	if _, err := io.ReadFull(c.Random, seed[:]); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	c.random = rand.NewChaCha8(seed)
	c.private = newMasker(u, c.Credentials)
	c.transport, c.proxy = c.newTransport(&tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12, Time: c.Now, InsecureSkipVerify: c.Unverified})
	return c, nil
}

// Run runs the tests in the order of Tests and yields each finding as soon as it is
// known, until ctx ends. Call it once.
func (c *Check) Run(ctx context.Context) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		defer c.transport.CloseIdleConnections()
		for _, t := range tests {
			f := c.finding(ctx, t)
			if ctx.Err() != nil || !yield(f) { // the finding may only be about ctx
				return
			}
		}
	}
}

func withDefaults(o Options) Options {
	if o.Transport == nil {
		o.Transport = func() *http.Transport { return http.DefaultTransport.(*http.Transport).Clone() }
	}
	if o.LookupHost == nil {
		o.LookupHost = network.LookupHost
	}
	o.Random = cmp.Or(o.Random, cryptorand.Reader)
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	return o
}

// parse returns the endpoint's URL, and its host in ASCII.
func parse(address string) (*url.URL, string, error) {
	u, err := network.ParseURL(address)
	if err != nil {
		return nil, "", err
	}
	host := u.Hostname()
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		if host, err = idna.Lookup.ToASCII(host); err != nil || host == "" {
			return nil, "", &network.AddressError{Text: fmt.Sprintf("%q is not a valid DNS name", u.Hostname())}
		}
	}
	return u, host, nil
}

func (c *Check) finding(ctx context.Context, t test) (f Finding) {
	start := c.Now()
	if f = Skipped(c.obstacle(t), ""); f.Detail == "" {
		f = t.run(c, ctx, t)
	}
	f.Test, f.Duration = t.Name, c.Now().Sub(start)
	c.verdicts[t.Name] = f.Verdict
	switch {
	case t.needs != encryption || f.Verdict != Fail:
	case c.Unverified && c.stopped == "":
		f.Verdict, f.Detail = Warn, f.Detail+"; not verified"
	default:
		c.unsent = "nothing is sent to an endpoint without a valid certificate"
	}
	return f
}

// obstacle says why the test is skipped, "" if it is not.
func (c *Check) obstacle(t test) string {
	switch {
	case c.stopped != "":
		return c.stopped
	case t.needs == encryption && c.url.Scheme == "http":
		return "plain http"
	case t.needs >= confidence && c.unsent != "":
		return c.unsent
	case t.needs >= acceptance && c.verdicts["success"] == Fail:
		return "the sample success is not accepted"
	case t.unless != "" && c.verdicts[t.unless] == Fail:
		return t.unless + " has failed"
	}
	return ""
}
