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

// newTransport returns a transport that speaks TLS to the endpoint as config says,
// and the proxy that it goes through.
func (c *Check) newTransport(config *tls.Config) (*http.Transport, *url.URL) {
	t := c.Transport()
	var proxy *url.URL
	if t.Proxy != nil {
		proxy, _ = t.Proxy(&http.Request{URL: c.url, Header: http.Header{}}) // the error comes again with a request
	}
	//lint:ignore SA1019 one that is set would get around config
	t.DialTLS = nil
	t.DialTLSContext = nil
	if proxy != nil && proxy.Scheme == "https" {
		// The transport has one configuration for both, and config is not for
		// the proxy.
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
		return Skipped("it is for the proxy to connect", "")
	default:
		err = c.dial(ctx)
	}
	if err != nil {
		c.stopped = "no connection can be made"
		return Failed(deliver.Attempt{Err: err}.Kind(), t.advice)
	}
	through := ""
	if c.proxy != nil {
		through = "through the proxy " + c.proxy.Host + " "
	}
	return Passed(through + "in " + rounded(c.Now().Sub(start)))
}

// dial makes a connection and closes it.
func (c *Check) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	dial := c.transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(c.host, cmp.Or(c.url.Port(), "80")))
	if err != nil {
		return err
	}
	return conn.Close()
}

// errSeen ends a handshake of which enough is known.
var errSeen = errors.New("seen")

// probe begins a TLS handshake to see the certificates, good or bad, and breaks it
// off before anything is sent. The error is that of the connection below; that of
// the handshake is kept for the tests of TLS.
func (c *Check) probe(ctx context.Context) error {
	seen := make(chan tls.ConnectionState, 1)
	transport, proxy := c.newTransport(&tls.Config{
		InsecureSkipVerify: true, // each property is a test of its own
		MinVersion:         tls.VersionTLS10,
		MaxVersion:         tls.VersionTLS13,
		VerifyConnection: func(state tls.ConnectionState) error {
			select {
			case seen <- state:
			default:
			}
			return errSeen
		},
	})
	defer transport.CloseIdleConnections()
	var handshakes atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeStart: func() { handshakes.Add(1) }})
	sender := deliver.Sender{Transport: transport, Timeout: c.Timeout}
	attempts, err := sender.Send(ctx, deliver.Callback{Method: http.MethodHead, URL: c.url.String()})
	ofProxy := int32(0)
	if proxy != nil && proxy.Scheme == "https" {
		ofProxy = 1
	}
	select {
	case state := <-seen:
		c.handshake = &state
		return nil
	default:
	}
	if handshakes.Load() <= ofProxy {
		return err
	}
	c.noTLS = attempts[0].Kind()
	return nil
}

func (c *Check) tlsVersion(_ context.Context, t test) Finding {
	switch {
	case c.handshake == nil:
		c.stopped = "no TLS is spoken"
		return Failed(c.noTLS, t.advice)
	case c.handshake.Version < tls.VersionTLS12:
		c.stopped = "the TLS is too old"
		return Failed(fmt.Sprintf("%s at most", tls.VersionName(c.handshake.Version)), t.advice)
	}
	return Passed(tls.VersionName(c.handshake.Version))
}
