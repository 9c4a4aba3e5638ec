//go:build unix

package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificate makes a certificate for 127.0.0.1, and its key; issuer nil makes an authority.
func certificate(t testing.TB, name string, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	made := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: issuer == nil}
	if issuer == nil {
		issuer, issuerKey = made, key
	}
	der, err := x509.CreateCertificate(rand.Reader, made, issuer, &key.PublicKey, issuerKey)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	return parsed, key
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, caKey := certificate(t, "authority", nil, nil)
	cert, key := certificate(t, "server", ca, caKey)
	other, _ := certificate(t, "other", nil, nil)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	file := func(name string, c *x509.Certificate) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(inPEM("CERTIFICATE", c.Raw)), 0o600))
		return path
	}
	s := newServer(t)
	must(t, s.WriteFile("server.crt", inPEM("CERTIFICATE", cert.Raw)))
	must(t, s.WriteFile("server.key", inPEM("EC PRIVATE KEY", keyDER)))
	s.Stop()
	must(t, s.Configure("ssl = on"))
	must(t, s.Start(ctx))
	must(t, s.Authenticate("hostssl all all all trust"))
	must(t, s.Reload())

	with := func(query string) string {
		return at(s, "postgres", func(u *url.URL) { u.RawQuery = query })
	}
	w := open(t, Options{URL: with("sslmode=verify-full&sslrootcert=" + file("ca.pem", ca))})
	w.must("req_1")
	encrypted, _, err := readOne(ctx, w.Store, plain[bool], "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
	must(t, err)
	if !encrypted {
		t.Error("the connection is not encrypted")
	}
	where := "the store postgres on " + address(s) + ": "
	same(t, "another authority", described{Message: where + "its certificate is refused: x509: certificate signed by unknown authority",
		Hint: "name the file of its authority in the URL: sslrootcert=FILE"}, describe(failure(t, Options{URL: with("sslmode=verify-full&sslrootcert=" + file("other.pem", other))})))
	same(t, "without TLS", described{Message: where + `no pg_hba.conf entry for host "127.0.0.1", user "postgres", database "postgres", no encryption`,
		Hint: "check the user in the URL, and pg_hba.conf on the server"}, describe(failure(t, Options{URL: with("sslmode=disable")})))
}
