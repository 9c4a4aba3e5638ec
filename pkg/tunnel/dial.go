package tunnel

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// dialLimit is the longest that a connection to the service may take, the way
// through a proxy included. The library's own dialer has no limit.
const dialLimit = 10 * time.Second

// dial connects to addr, by way of a proxy if there is one for it.
func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var direct net.Dialer
	if d.proxy == nil {
		return direct.DialContext(ctx, network, addr)
	}
	via, err := d.proxy(&url.URL{Scheme: "https", Host: addr})
	if err != nil {
		return nil, &proxyError{err: err}
	}
	if via == nil {
		return direct.DialContext(ctx, network, addr)
	}
	conn, err := dialVia(ctx, via, addr)
	if err != nil {
		return nil, &proxyError{proxy: via, err: err}
	}
	return conn, nil
}

func dialVia(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	switch via.Scheme {
	case "http", "https":
		return dialConnect(ctx, via, addr)
	case "socks5", "socks5h":
		d, err := proxy.FromURL(via, &net.Dialer{})
		if err != nil {
			return nil, err
		}
		return d.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
	}
	return nil, fmt.Errorf("proxies of kind %q are not supported", via.Scheme)
}

// dialConnect connects to addr through an HTTP proxy, by CONNECT (RFC 9110,
// section 9.3.6).
func dialConnect(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	port := via.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[via.Scheme]
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(via.Hostname(), port))
	if err != nil {
		return nil, err
	}
	// The deadline of ctx holds for the talk with the proxy too.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if via.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: via.Hostname(), MinVersion: tls.VersionTLS12})
	}
	conn, err = connect(conn, via, addr)
	if !stop() && err == nil {
		_ = conn.Close()
		conn, err = nil, ctx.Err()
	}
	return conn, err
}

// connect asks the proxy at the other end of conn for addr. It closes conn when
// that fails.
func connect(conn net.Conn, via *url.URL, addr string) (net.Conn, error) {
	req := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: addr},
		Host:   addr,
		Header: make(http.Header),
	}
	if u := via.User; u != nil {
		password, _ := u.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(u.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+basic)
	}
	if err := req.Write(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		_ = conn.Close()
		return nil, statusError(resp.StatusCode)
	case r.Buffered() > 0:
		// In TLS the caller speaks first: these bytes are not the service's.
		_ = conn.Close()
		return nil, errors.New("it sent more than the answer to CONNECT")
	}
	return conn, nil
}

// A statusError is a proxy's refusal.
type statusError int

func (s statusError) Error() string {
	return fmt.Sprintf("it answered %d %s", int(s), http.StatusText(int(s)))
}

// A proxyError says that the way through the proxy failed. Its text names the
// proxy without the password.
type proxyError struct {
	proxy *url.URL // nil: it could not be told which one
	err   error
}

func (e *proxyError) Error() string {
	if e.proxy == nil {
		return "choosing a proxy: " + e.err.Error()
	}
	return fmt.Sprintf("proxy %s://%s: %v", e.proxy.Scheme, e.proxy.Host, e.err)
}

func (e *proxyError) Unwrap() error { return e.err }

// hopeless reports whether trying to connect again is of no use: a certificate
// that is not trusted, a proxy that wants another password.
func hopeless(err error) bool {
	var status statusError
	return untrusted(err) || errors.As(err, &status) && status == http.StatusProxyAuthRequired
}

// untrusted reports whether the other side's certificate was not accepted.
func untrusted(err error) bool {
	var bad *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &bad) || errors.As(err, &authority)
}
