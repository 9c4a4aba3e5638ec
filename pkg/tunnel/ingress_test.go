package tunnel_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/tunnel"
)

// certificate writes a certificate and its key and returns the files and a pool
// that trusts it.
func certificate(t *testing.T, until time.Time, names ...string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     until,
		DNSNames:     names,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	pool = x509.NewCertPool()
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der},
		key:  {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		b := pem.EncodeToMemory(block)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(b)
	}
	return cert, key, pool
}

func TestAnIngressServesTLSWithItsCertificate(t *testing.T) {
	cert, key, pool := certificate(t, time.Now().Add(time.Hour), "*.example.com", "hooks.example.com")
	for _, tc := range []struct {
		name    string
		ingress tunnel.Ingress
		want    string // PORT is the real one
	}{
		{"URL of the address", tunnel.Ingress{Addr: "127.0.0.1:0"}, "https://127.0.0.1:PORT"},
		{"URL of the certificate", tunnel.Ingress{Addr: ":0"}, "https://hooks.example.com:PORT"},
		{"URL of the certificate for any IPv4 address", tunnel.Ingress{Addr: "0.0.0.0:0"}, "https://hooks.example.com:PORT"},
		{"URL given", tunnel.Ingress{Addr: "127.0.0.1:0", PublicURL: "https://example.com/a/b/"}, "https://example.com/a/b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.ingress.TLSCert, tc.ingress.TLSKey = cert, key
			ep := open(t, tunnel.Config{Ingress: &tc.ingress})
			serve(t, ep)
			_, port, err := net.SplitHostPort(ep.Listener().Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.ReplaceAll(tc.want, "PORT", port); ep.URL().String() != want {
				t.Errorf("URL is %s, want %s", ep.URL(), want)
			}
			client := &http.Client{Transport: &http.Transport{
				DisableKeepAlives: true,
				TLSClientConfig:   &tls.Config{RootCAs: pool},
			}}
			if status, body := post(t, client, "https://127.0.0.1:"+port+"/x", "hi"); status != 200 || body != "POST /x hi" {
				t.Errorf("got %d %q", status, body)
			}
		})
	}
}

func TestPlainHTTPIsServedOnLoopback(t *testing.T) {
	for _, c := range []tunnel.Config{
		{Loopback: true},
		{Ingress: &tunnel.Ingress{PublicURL: "https://example.com", Addr: "127.0.0.1:0"}},
		{Ingress: &tunnel.Ingress{PublicURL: "http://localhost:1", Addr: "localhost:0"}},
	} {
		ep := open(t, c)
		srv := serve(t, ep)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if status, _ := post(t, client, "http://"+ep.Listener().Addr().String()+"/x", "hi"); status != 200 {
			t.Errorf("answers %d", status)
		}
		if c.Loopback && ep.URL().String() != "http://"+ep.Listener().Addr().String() {
			t.Errorf("URL is %s", ep.URL())
		}
		if err := srv.Shutdown(soon(t)); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := ep.Close(soon(t)); err != nil {
				t.Error(err)
			}
		}
		if _, err := ep.Listener().Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept returns %v", err)
		}
		if _, more := <-ep.Events(); more {
			t.Error("there is an event")
		}
	}
}

func TestAnIngressThatCannotBeOpenedIsAnErrorWithAHint(t *testing.T) {
	cert, key, _ := certificate(t, time.Now().Add(time.Hour), "*.example.com")
	oldCert, oldKey, _ := certificate(t, time.Unix(1700000000, 0), "example.com")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		name    string
		ingress tunnel.Ingress
		want    string
	}{
		{"port in use", tunnel.Ingress{Addr: taken.Addr().String(), PublicURL: "https://example.com"}, "cannot listen on " + taken.Addr().String() + ": "},
		{"no such file", tunnel.Ingress{Addr: ":0", TLSCert: "missing.pem", TLSKey: key}, "cannot use the TLS certificate: missing.pem: no such file or directory"},
		{"not a certificate", tunnel.Ingress{Addr: ":0", TLSCert: key, TLSKey: key}, "cannot use the TLS certificate: "},
		{"another key", tunnel.Ingress{Addr: ":0", TLSCert: cert, TLSKey: oldKey}, "cannot use the TLS certificate: private key does not match public key"},
		{"expired", tunnel.Ingress{Addr: ":0", TLSCert: oldCert, TLSKey: oldKey}, "the TLS certificate " + oldCert + " expired on 2023-11-14"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tunnel.Open(soon(t), tunnel.Config{Ingress: &tc.ingress})
			e := asError(t, err)
			if !strings.HasPrefix(e.Error(), tc.want) || e.Hint() == "" {
				t.Errorf("got %q, hint %q", e.Error(), e.Hint())
			}
		})
	}
	_, err = tunnel.Open(soon(t), tunnel.Config{Ingress: &tunnel.Ingress{Addr: ":0", TLSCert: cert, TLSKey: key}})
	var usage *tunnel.UsageError
	if !errors.As(err, &usage) || usage.Error() != "neither the address :0 nor the certificate names a host" {
		t.Errorf("without any name: %v", err)
	}
}
