package contract

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/narada-cli/narada/pkg/deliver"
)

// newTransport returns a transport with the TLS configuration for the endpoint, and
// its proxy.
func (c *Check) newTransport(config *tls.Config) (*http.Transport, *url.URL) {
	t := c.Transport()
	var proxy *url.URL
	if t.Proxy != nil {
		proxy, _ = t.Proxy(&http.Request{URL: c.url, Header: http.Header{}}) // a request returns the error again
	}
	//lint:ignore SA1019 it would bypass config
	t.DialTLS = nil
	t.DialTLSContext = nil
	if proxy != nil && proxy.Scheme == "https" {
		// config is not for the proxy, and the transport has one for both.
		t.DialTLSContext = (&tls.Dialer{Config: t.TLSClientConfig}).DialContext
	}
	t.TLSClientConfig = config
	t.DisableKeepAlives = false
	return t, proxy
}

func (c *Check) connects(ctx context.Context, t test) Finding {
	start := c.Now()
	var err error
	switch {
	case c.url.Scheme == "https":
		err = c.probe(ctx)
	case c.proxy != nil:
		return Skipped("the proxy connects", "")
	default:
		err = c.dial(ctx)
	}
	if err != nil {
		c.stopped = "no connection to " + c.url.Host
		return Failed(deliver.Attempt{Err: err}.Kind(), t.advice)
	}
	through := ""
	if c.proxy != nil {
		through = "through the proxy " + c.proxy.Host + " "
	}
	return Passed(through + "in " + rounded(c.Now().Sub(start)))
}

func (c *Check) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := c.transport.DialContext(ctx, "tcp", net.JoinHostPort(c.host, cmp.Or(c.url.Port(), "80")))
	if err != nil {
		return err
	}
	return conn.Close()
}

// errSeen ends the handshake of a probe.
var errSeen = errors.New("seen")

// probe starts a TLS handshake to see the certificates, valid or not, and ends it
// before anything is sent. It returns an error of the connection; an error of the
// handshake is stored for the tests of TLS.
func (c *Check) probe(ctx context.Context) error {
	var seen atomic.Pointer[tls.ConnectionState]
	transport, proxy := c.newTransport(&tls.Config{
		InsecureSkipVerify: true, // each property has its own test
		MinVersion:         tls.VersionTLS10,
		MaxVersion:         tls.VersionTLS13,
		VerifyConnection: func(state tls.ConnectionState) error {
			seen.Store(&state)
			return errSeen
		},
	})
	defer transport.CloseIdleConnections()
	var handshakes atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeStart: func() { handshakes.Add(1) }})
	sender := deliver.Sender{Transport: transport, Timeout: c.Timeout}
	attempt, err := sender.Send(ctx, deliver.Callback{Method: http.MethodHead, URL: c.url.String()})
	ofProxy := int32(0)
	if proxy != nil && proxy.Scheme == "https" {
		ofProxy = 1
	}
	c.handshake = seen.Load()
	switch {
	case c.handshake != nil:
		return nil
	case handshakes.Load() <= ofProxy:
		return err
	}
	c.noTLS = attempt.Kind()
	return nil
}

func (c *Check) tlsVersion(_ context.Context, t test) Finding {
	switch {
	case c.handshake == nil:
		c.stopped = "no TLS"
		return Failed(c.noTLS, t.advice)
	case c.handshake.Version < tls.VersionTLS12:
		c.stopped = "the TLS version is too old"
		return Failed(fmt.Sprintf("%s at most", tls.VersionName(c.handshake.Version)), t.advice)
	}
	return Passed(tls.VersionName(c.handshake.Version))
}
