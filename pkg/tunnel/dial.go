package tunnel

import (
	"bufio"
	"cmp"
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

// dialLimit is how long connecting to the service may take, through a proxy too.
// The library's own dialer has no limit.
const dialLimit = 10 * time.Second

// dial connects to addr, through the proxy for it if there is one.
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
	return nil, fmt.Errorf("unsupported proxy scheme %q", via.Scheme)
}

// dialConnect connects to addr through an HTTP proxy, by CONNECT (RFC 9110,
// section 9.3.6).
func dialConnect(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	port := cmp.Or(via.Port(), map[string]string{"http": "80", "https": "443"}[via.Scheme])
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(via.Hostname(), port))
	if err != nil {
		return nil, err
	}
	// The end of ctx also ends the exchange with the proxy.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if via.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: via.Hostname(), MinVersion: tls.VersionTLS12})
	}
	err = connect(conn, via, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// connect asks the proxy at the other end of conn for a connection to addr.
func connect(conn net.Conn, via *url.URL, addr string) error {
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
		return err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, req)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return statusError(resp.StatusCode)
	case r.Buffered() > 0: // in TLS the client speaks first: these bytes are not the service's
		return errors.New("it sent data after its answer to CONNECT")
	}
	return nil
}

// A statusError is a proxy's refusal.
type statusError int

func (s statusError) Error() string {
	return fmt.Sprintf("it answered %d %s", int(s), http.StatusText(int(s)))
}

// A proxyError is a failure to connect through a proxy. Its text names the proxy
// without the password.
type proxyError struct {
	proxy *url.URL // nil: choosing one failed
	err   error
}

func (e *proxyError) Error() string {
	if e.proxy == nil {
		return "choosing a proxy: " + e.err.Error()
	}
	return fmt.Sprintf("proxy %s://%s: %v", e.proxy.Scheme, e.proxy.Host, e.err)
}

func (e *proxyError) Unwrap() error { return e.err }

// isPermanent reports whether reconnecting cannot help: a certificate that is not
// trusted, a proxy that asks for another password.
func isPermanent(err error) bool {
	status, _ := errors.AsType[statusError](err)
	return isUntrusted(err) || status == http.StatusProxyAuthRequired
}

// isUntrusted reports whether the peer's certificate was not accepted.
func isUntrusted(err error) bool {
	_, isBad := errors.AsType[*tls.CertificateVerificationError](err)
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	return isBad || isUnknown
}
