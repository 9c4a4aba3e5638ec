package contract

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/narada-cli/narada/pkg/narada"
)

// DefaultTimeout is how long one request may take, unless Options set another time.
const DefaultTimeout = 10 * time.Second

// Options say what is tried, and by what means. Only URL is needed.
type Options struct {
	URL string

	// Header and Secret are what a genuine callback shows (callbackHeaders and
	// callbackSecret of a dispatch). Tests about what is not given are skipped.
	Header http.Header
	Secret string

	// AllowHTTP is for work on one's own machine: plain http to it and an address that
	// is not public are not held against the endpoint. Header and secret are then
	// sent unencrypted to an http URL, which must be on loopback.
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

// Check is one run of the tests, and what they have found so far.
type Check struct {
	Options
	url       *url.URL
	host      string // of the URL, in ASCII
	random    io.Reader
	private   blackout
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

// URLError says why nothing can be tried at a URL, without repeating it.
type URLError struct {
	reason      string
	Unencrypted bool // AllowHTTP would have a secret sent unencrypted to another machine
}

func (e *URLError) Error() string { return e.reason }

// New returns a run of the tests. The error is a *URLError, or of Options.Random.
func New(o Options) (*Check, error) {
	u, host, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	if o.AllowHTTP && u.Scheme == "http" && !narada.IsLoopback(u.Hostname()) {
		return nil, &URLError{"plain http is for this machine alone", true}
	}
	c := &Check{Options: withDefaults(o), url: u, host: host, verdicts: map[string]Verdict{}}
	var seed [32]byte
	if _, err := io.ReadFull(c.Random, seed[:]); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	c.random = rand.NewChaCha8(seed)
	c.private = newBlackout(u, c.Secret, c.Header)
	c.transport, c.proxy = c.newTransport(&tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12, Time: c.Now})
	return c, nil
}

// Run makes the tests in the order of Tests and yields what each has found, as soon as
// that is known. It ends when ctx does: what the test under way has found then is not
// yielded. It is called once.
func (c *Check) Run(ctx context.Context) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		defer c.transport.CloseIdleConnections()
		for _, t := range tests {
			f := c.finding(ctx, t)
			if ctx.Err() != nil || !yield(f) { // the end of ctx may be all that was found
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

// parse reads the endpoint's URL, and its host as DNS and certificates have it.
func parse(address string) (*url.URL, string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, "", &URLError{reason: "the endpoint's address is not a URL with a host"}
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, "", &URLError{reason: "the endpoint's URL is neither https nor http"}
	case u.User != nil:
		return nil, "", &URLError{reason: "the endpoint's URL has a user name in it: give it as the header Authorization"}
	}
	host := u.Hostname()
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		if host, err = idna.Lookup.ToASCII(host); err != nil || host == "" {
			return nil, "", &URLError{reason: "the host of the endpoint's URL is not a name that DNS knows"}
		}
	}
	return u, host, nil
}

func (c *Check) finding(ctx context.Context, t test) Finding {
	start := c.Now()
	f := c.conclude(ctx, t)
	f.Test, f.Duration = t.Name, c.Now().Sub(start)
	c.verdicts[t.Name] = f.Verdict
	return f
}

func (c *Check) conclude(ctx context.Context, t test) Finding {
	if why := c.obstacle(t); why != "" {
		return Skipped(why, "")
	}
	f := t.run(c, ctx, t)
	if t.needs == encryption && f.Verdict == Fail {
		c.unsent = "nothing is sent to an endpoint that nobody vouches for"
	}
	return f
}

// obstacle says why the test is not made, "" if it is.
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
