package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Ingress describes an endpoint behind an address that the user has made
// public. There are two forms: plain HTTP on a loopback address behind the
// user's own proxy, which does the TLS (PublicURL and Addr); and TLS done here
// (Addr, TLSCert and TLSKey).
type Ingress struct {
	// PublicURL is where callers come to: https, and possibly a path. With TLS
	// done here it may be left out: it is then made of Addr, or, if that names
	// no particular host, of the first name in the certificate.
	PublicURL string
	// Addr is the address to listen on, "host:port". It is required.
	Addr string
	// TLSCert and TLSKey are PEM files: the certificate with its chain, and its
	// key.
	TLSCert, TLSKey string
}

func (i *Ingress) tls() bool { return i.TLSCert != "" }

func (i *Ingress) check() *UsageError {
	if i.Addr == "" {
		return &UsageError{
			message: "one's own ingress needs an address to listen on",
			hint:    "such as 127.0.0.1:8080 behind a TLS proxy, or :443 with a certificate and its key",
		}
	}
	if (i.TLSCert == "") != (i.TLSKey == "") {
		return &UsageError{message: "a TLS certificate and its key only go together", hint: "give both files, or none"}
	}
	host, port, err := net.SplitHostPort(i.Addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return &UsageError{message: "invalid address to listen on " + strconv.Quote(i.Addr), hint: "write host:port, such as 127.0.0.1:8080"}
	}
	if i.PublicURL != "" {
		if wrong := checkPublicURL(i.PublicURL); wrong != nil {
			return wrong
		}
	}
	if i.tls() {
		return nil
	}
	if !isLoopback(host) {
		return &UsageError{
			message: fmt.Sprintf("plain http only on loopback, not on %q: callbacks carry secrets", i.Addr),
			hint:    "listen on 127.0.0.1 behind a proxy that does TLS, or give a certificate and its key",
		}
	}
	if i.PublicURL == "" {
		return &UsageError{
			message: "an ingress without a certificate needs its public URL",
			hint:    "give the https URL of the proxy in front of " + i.Addr,
		}
	}
	return nil
}

func checkPublicURL(text string) *UsageError {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return &UsageError{message: "invalid public URL " + strconv.Quote(text), hint: "write https://host, and a path if there is one"}
	}
	switch {
	case u.User != nil:
		// Not quoted: it may hold a password.
		return &UsageError{message: "a public URL has no user name or password in it", hint: "write https://host, and a path if there is one"}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return &UsageError{message: "a public URL has no query and no fragment: " + strconv.Quote(text), hint: "write https://host, and a path if there is one"}
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return &UsageError{
		message: "a public URL is https: " + strconv.Quote(text),
		hint:    "Narada calls back over https only; http is for addresses on this machine",
	}
}

func openIngress(ctx context.Context, i Ingress) (*Endpoint, error) {
	var cert tls.Certificate
	if i.tls() {
		var err error
		if cert, err = loadCertificate(i); err != nil {
			return nil, err
		}
	}
	ln, err := listen(ctx, i.Addr)
	if err != nil {
		return nil, err
	}
	u, wrong := i.publicURL(ln.Addr(), cert)
	if wrong != nil {
		_ = ln.Close()
		return nil, wrong
	}
	if i.tls() {
		ln = tls.NewListener(ln, &tls.Config{
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"http/1.1"},
			Certificates: []tls.Certificate{cert},
		})
	}
	return local(u, ln), nil
}

func openLoopback(ctx context.Context) (*Endpoint, error) {
	ln, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return local(&url.URL{Scheme: "http", Host: ln.Addr().String()}, ln), nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &Error{
			message: fmt.Sprintf("cannot listen on %s: %v", addr, reason(err)),
			hint:    "is another program using it, or does it need more rights? Choose another address",
			cause:   err,
		}
	}
	return ln, nil
}

// reason is the part of a net.OpError that does not repeat the address.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func loadCertificate(i Ingress) (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(i.TLSCert, i.TLSKey)
	if err != nil {
		return cert, &Error{
			message: "cannot use the TLS certificate: " + strings.TrimPrefix(err.Error(), "tls: "),
			hint:    fmt.Sprintf("both files are PEM: %s the certificate with its chain, %s its key", i.TLSCert, i.TLSKey),
			cause:   err,
		}
	}
	if end := cert.Leaf.NotAfter; time.Now().After(end) {
		return cert, &Error{
			message: fmt.Sprintf("the TLS certificate %s expired on %s", i.TLSCert, end.Format(time.DateOnly)),
			hint:    "renew it: no caller accepts it",
		}
	}
	return cert, nil
}

// publicURL returns the URL given, or makes one of where we listen.
func (i *Ingress) publicURL(bound net.Addr, cert tls.Certificate) (*url.URL, error) {
	if i.PublicURL != "" {
		u, err := url.Parse(i.PublicURL)
		if err != nil {
			return nil, err
		}
		return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, nil
	}
	host, _, err := net.SplitHostPort(i.Addr)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = firstName(cert)
	}
	if host == "" {
		return nil, &UsageError{
			message: fmt.Sprintf("neither the address %s nor the certificate names a host", i.Addr),
			hint:    "give the public URL",
		}
	}
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: "https", Host: net.JoinHostPort(host, port)}
	if port == "443" {
		u.Host = strings.TrimSuffix(u.Host, ":443")
	}
	return u, nil
}

// firstName returns the first name of the certificate that is one name.
func firstName(cert tls.Certificate) string {
	for _, name := range cert.Leaf.DNSNames {
		if !strings.Contains(name, "*") {
			return name
		}
	}
	return ""
}

// local returns an endpoint without a service behind it.
func local(u *url.URL, ln net.Listener) *Endpoint {
	ev := newEvents()
	closeOnce := sync.OnceValue(func() error {
		err := ln.Close()
		close(ev)
		if errors.Is(err, net.ErrClosed) {
			return nil // the server has closed it
		}
		return err
	})
	return &Endpoint{url: u, ln: ln, events: ev, shut: func(context.Context) error { return closeOnce() }}
}
