package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/textfile"
)

// Ingress describes an endpoint at the user's own public address. There are two
// forms: plain HTTP on a loopback address behind the user's TLS proxy (PublicURL
// and Addr), and TLS served here (Addr, TLSCert and TLSKey).
type Ingress struct {
	// PublicURL is the address for callers: https, and possibly a path. It is
	// optional with TLS served here: the default is Addr, or, if that names no
	// host, the first name in the certificate.
	PublicURL string
	// Addr is the address to listen on, "host:port". It is required.
	Addr string
	// TLSCert and TLSKey are PEM files: the certificate with its chain, and its
	// key.
	TLSCert, TLSKey string
}

func (i *Ingress) tls() bool { return i.TLSCert != "" }

func (i *Ingress) check() error {
	if i.Addr == "" {
		return &UsageError{
			message: "an ingress requires an address to listen on",
			hint:    "specify 127.0.0.1:8080 behind a TLS proxy, or :443 with a certificate and its key",
		}
	}
	if (i.TLSCert == "") != (i.TLSKey == "") {
		return &UsageError{message: "a TLS certificate requires its key, and the key its certificate", hint: "specify both files, or neither"}
	}
	host, port, err := net.SplitHostPort(i.Addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return &UsageError{message: strconv.Quote(i.Addr) + " is not an address to listen on", hint: "specify HOST:PORT, such as 127.0.0.1:8080"}
	}
	if i.PublicURL != "" {
		if err := checkPublicURL(i.PublicURL); err != nil {
			return err
		}
	}
	if i.tls() {
		return nil
	}
	if !narada.IsLoopback(host) {
		return &UsageError{
			message: fmt.Sprintf("plain http is allowed on loopback only, not on %q: callbacks carry secrets", i.Addr),
			hint:    "listen on 127.0.0.1 behind a TLS proxy, or specify a certificate and its key",
		}
	}
	if i.PublicURL == "" {
		return &UsageError{
			message: "an ingress without a certificate requires its public URL",
			hint:    "specify the https URL of the proxy in front of " + i.Addr,
		}
	}
	return nil
}

func checkPublicURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		u = &url.URL{}
	}
	e := &UsageError{hint: "specify https://HOST, with a path if it has one"}
	switch {
	case u.Hostname() == "":
		e.message = strconv.Quote(text) + " is not a public URL"
	case u.User != nil:
		e.message = "a public URL cannot have a user name or password" // which is not repeated
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		e.message = "a public URL cannot have a query or fragment: " + strconv.Quote(text)
	case u.Scheme != "https" && (u.Scheme != "http" || !narada.IsLoopback(u.Hostname())):
		e.message = "a public URL must be https: " + strconv.Quote(text)
		e.hint = "Narada sends callbacks over https only; http is for addresses on this machine"
	default:
		return nil
	}
	return e
}

// maxPEM is the maximum size of a PEM file in bytes.
const maxPEM = 4 << 20

func openIngress(ctx context.Context, i Ingress) (*Endpoint, error) {
	var cert tls.Certificate
	if i.tls() {
		var err error
		if cert, err = loadCertificate(ctx, i); err != nil {
			return nil, err
		}
	}
	ln, err := listen(ctx, i.Addr)
	if err != nil {
		return nil, err
	}
	u, err := i.publicURL(ln.Addr(), cert)
	if err != nil {
		_ = ln.Close()
		return nil, err
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
	if err == nil {
		return ln, nil
	}
	reason := err
	if op, ok := errors.AsType[*net.OpError](err); ok {
		reason = op.Err // which does not repeat the address
	}
	return nil, &Error{
		message: fmt.Sprintf("cannot listen on %s: %v", addr, reason),
		hint:    "choose another address: this one may be in use, or need more rights",
		cause:   err,
	}
}

func readCertificate(ctx context.Context, i Ingress) (none tls.Certificate, err error) {
	cert, err := textfile.ReadBytes(ctx, i.TLSCert, maxPEM)
	if err != nil {
		return none, textfile.Named(i.TLSCert, err)
	}
	key, err := textfile.ReadBytes(ctx, i.TLSKey, maxPEM)
	if err != nil {
		return none, textfile.Named(i.TLSKey, err)
	}
	return tls.X509KeyPair(cert, key)
}

func loadCertificate(ctx context.Context, i Ingress) (tls.Certificate, error) {
	cert, err := readCertificate(ctx, i)
	if err != nil {
		return cert, &Error{
			message: "cannot use the TLS certificate: " + strings.TrimPrefix(err.Error(), "tls: "),
			hint:    fmt.Sprintf("both files must be PEM: %s the certificate with its chain, %s its key", i.TLSCert, i.TLSKey),
			cause:   err,
		}
	}
	if end := cert.Leaf.NotAfter; time.Now().After(end) {
		return cert, &Error{
			message: fmt.Sprintf("the TLS certificate %s expired on %s", i.TLSCert, end.Format(time.DateOnly)),
			hint:    "renew it: clients do not accept it",
		}
	}
	return cert, nil
}

// publicURL returns the configured URL, or one derived from the address.
func (i *Ingress) publicURL(bound net.Addr, cert tls.Certificate) (*url.URL, error) {
	if i.PublicURL != "" {
		u, _ := url.Parse(i.PublicURL) // check has parsed it
		return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, nil
	}
	host, _, _ := net.SplitHostPort(i.Addr) // check has split it
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		isPattern := func(name string) bool { return strings.Contains(name, "*") }
		names := slices.DeleteFunc(slices.Clone(cert.Leaf.DNSNames), isPattern)
		if len(names) == 0 {
			return nil, &UsageError{
				message: fmt.Sprintf("neither the address %s nor the certificate names a host", i.Addr),
				hint:    "specify the public URL",
			}
		}
		host = names[0]
	}
	address := net.JoinHostPort(host, strconv.Itoa(bound.(*net.TCPAddr).Port))
	return &url.URL{Scheme: "https", Host: strings.TrimSuffix(address, ":443")}, nil
}

// local returns an endpoint without a service behind it.
func local(u *url.URL, ln net.Listener) *Endpoint {
	ev := newEvents()
	return &Endpoint{url: u, ln: ln, events: ev, shut: func(context.Context) error {
		err := ln.Close()
		close(ev)
		if errors.Is(err, net.ErrClosed) {
			return nil // closed by the server
		}
		return err
	}}
}
