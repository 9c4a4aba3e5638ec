package contract

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/narada-cli/narada/pkg/secret"
)

// Verdict is what a test has come to.
type Verdict string

// The verdicts. A test is skipped when it does not apply, or when an earlier one has
// shown that it would tell nothing.
const (
	Pass Verdict = "PASS"
	Warn Verdict = "WARN"
	Fail Verdict = "FAIL"
	Skip Verdict = "SKIP"
)

// Finding is the outcome of one test.
type Finding struct {
	Test     string // its name, as Tests has it
	Verdict  Verdict
	Detail   string        // what was seen, in a few words
	Advice   string        // one sentence on what to change; "" where there is nothing to
	Duration time.Duration // of the test, all its requests together
}

// DefaultTimeout is how long one request may take, unless Options set another time.
const DefaultTimeout = 10 * time.Second

// Options say what is tried, and by what means. Only URL is needed.
type Options struct {
	URL string

	// Credentials are what a genuine callback shows (callbackHeaders and callbackSecret
	// of a dispatch). Tests about what is not given are skipped.
	Credentials secret.Credentials

	// AllowHTTP is for work on one's own machine: plain http and an address that
	// is not public are not held against the endpoint. The credentials are then sent
	// unencrypted to an http URL.
	AllowHTTP bool

	// Transport makes transports with the caller's dialer and proxy; nil: like
	// http.DefaultTransport. How they verify certificates is set here.
	Transport func() *http.Transport
	Roots     *x509.CertPool // authorities to trust; nil: the system's

	LookupHost func(ctx context.Context, host string) ([]netip.Addr, error) // nil: net.DefaultResolver's
	Random     io.Reader                                                    // a cryptographic source; nil: crypto/rand.Reader
	Now        func() time.Time                                             // safe for several goroutines at once; nil: time.Now

	// Timeout is how long one request may take; 0: DefaultTimeout. A large
	// callback gets 5 s more for each MiB of it.
	Timeout time.Duration
}

// Run makes all tests in the order of Tests, and reports each exactly once, as soon
// as its finding is known. The error is ctx's when it ended first, or says why
// nothing could be tried; it does not repeat the URL.
func Run(ctx context.Context, o Options, report func(Finding)) error {
	c, err := newCheck(o)
	if err != nil {
		return err
	}
	defer c.transport.CloseIdleConnections()
	for _, t := range tests {
		report(c.finding(ctx, t))
	}
	return ctx.Err()
}

// check is one run of the tests, and what they have found so far.
type check struct {
	Options
	url       *url.URL
	host      string // of the URL, in ASCII
	random    io.Reader
	private   *secret.Masker
	transport *http.Transport // that callbacks are sent by
	proxy     *url.URL        // nil: none is in the way

	addresses []netip.Addr
	handshake *tls.ConnectionState // nil: there was none
	noTLS     string               // why there was none
	answers   []time.Duration      // to the documented samples

	verdicts map[string]Verdict
	stopped  string // why no later test is made, "" while they are
	unsent   string // why no callback is sent, "" while they are
}

func newCheck(o Options) (*check, error) {
	u, host, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	c := &check{Options: withDefaults(o), url: u, host: host, verdicts: map[string]Verdict{}}
	var seed [32]byte
	if _, err := io.ReadFull(c.Random, seed[:]); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	c.random = rand.NewChaCha8(seed)
	c.private = newMasker(u, c.Credentials)
	c.transport, c.proxy = c.newTransport(&tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12, Time: c.Now})
	return c, nil
}

func withDefaults(o Options) Options {
	if o.Transport == nil {
		o.Transport = func() *http.Transport { return http.DefaultTransport.(*http.Transport).Clone() }
	}
	if o.LookupHost == nil {
		o.LookupHost = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Random == nil {
		o.Random = cryptorand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return o
}

// CheckURL reports why nothing could be tried at the address, without repeating it.
func CheckURL(address string) error {
	_, _, err := parse(address)
	return err
}

// parse reads the endpoint's URL, and its host as DNS and certificates have it.
func parse(address string) (*url.URL, string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, "", errors.New("the endpoint's address is not a URL with a host")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, "", errors.New("the endpoint's URL is neither https nor http")
	case u.User != nil:
		return nil, "", errors.New("the endpoint's URL has a user name in it: give it as the header Authorization")
	}
	host := u.Hostname()
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		if host, err = idna.Lookup.ToASCII(host); err != nil || host == "" {
			return nil, "", errors.New("the host of the endpoint's URL is not a name that DNS knows")
		}
	}
	return u, host, nil
}

func (c *check) finding(ctx context.Context, t test) Finding {
	start := c.Now()
	f := c.conclude(ctx, t)
	f.Test, f.Duration = t.Name, c.Now().Sub(start)
	c.verdicts[t.Name] = f.Verdict
	return f
}

func (c *check) conclude(ctx context.Context, t test) Finding {
	if ctx.Err() != nil {
		return skip("the check was ended", "")
	}
	if why := c.obstacle(t); why != "" {
		return skip(why, "")
	}
	f := t.run(c, ctx, t)
	if ctx.Err() != nil { // which may be all that the test has found
		return skip("the check was ended", "")
	}
	if t.needs == encryption && f.Verdict == Fail {
		c.unsent = "nothing is sent to an endpoint that nobody vouches for"
	}
	return f
}

// obstacle says why the test is not made, "" if it is.
func (c *check) obstacle(t test) string {
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

func pass(detail string) Finding { return Finding{Verdict: Pass, Detail: detail} }
func warn(detail, advice string) Finding {
	return Finding{Verdict: Warn, Detail: detail, Advice: advice}
}
func fail(detail, advice string) Finding {
	return Finding{Verdict: Fail, Detail: detail, Advice: advice}
}
func skip(detail, advice string) Finding {
	return Finding{Verdict: Skip, Detail: detail, Advice: advice}
}
