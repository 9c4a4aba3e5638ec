package contract

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNothingIsSentWithoutAValidCertificate(t *testing.T) {
	for _, f := range append(tlsFlaws(), addressFlaws()...) {
		if f.verdict == Warn || f.test == "public-address" {
			continue
		}
		t.Run(f.test+": "+f.name, func(t *testing.T) {
			e := newEndpoint()
			f.add(e)
			e.check(t)
			if len(e.seen) != 0 {
				t.Errorf("requests: %v", e.requests())
			}
		})
	}
}

func TestAnUnverifiedCertificateIsAWarning(t *testing.T) {
	for _, f := range tlsFlaws() {
		if !strings.HasPrefix(f.test, "certificate-") || f.verdict == Warn {
			continue
		}
		t.Run(f.test+": "+f.name, func(t *testing.T) {
			e := newEndpoint()
			f.add(e)
			e.options.Unverified = true
			for _, found := range e.check(t) {
				if found.Test == f.test && (found.Verdict != Warn || !strings.HasSuffix(found.Detail, "; not verified")) || found.Verdict == Fail {
					t.Errorf("%+v", found)
				}
			}
			if len(e.seen) == 0 {
				t.Error("nothing was sent")
			}
		})
	}
}

// The finding says that the cloud would not accept the certificate.
func TestAGivenAuthorityIsTrusted(t *testing.T) {
	a := known()
	e := newEndpoint()
	e.tls.Certificates = []tls.Certificate{shown(sign(leaf(), &a.untrustedIntermediate), a.untrustedIntermediate)}
	e.options.Authorities = []*x509.Certificate{a.untrustedRoot.certificate}
	found := e.check(t)
	if diff := cmp.Diff(all(Pass, nil), verdicts(found)); diff != "" {
		t.Error(diff)
	}
	if i := slices.IndexFunc(found, func(f Finding) bool { return f.Test == "certificate-trusted" }); found[i].Detail != "by CN=Untrusted Root, which other senders do not know" {
		t.Errorf("%+v", found[i])
	}
}

// A server that changes its certificate after the probe gets no callback.
func TestCallbacksVerifyTheCertificateToo(t *testing.T) {
	e := newEndpoint()
	good, bad := e.tls.Certificates[0], shown(sign(leaf(), nil))
	var handshakes atomic.Int32
	e.tls.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if handshakes.Add(1) == 1 {
			return &tls.Config{Certificates: []tls.Certificate{good}}, nil
		}
		return &tls.Config{Certificates: []tls.Certificate{bad}}, nil
	}
	findings := e.check(t)
	want := all(Pass, map[Verdict][]string{Fail: {"proof"}, Skip: after("proof")})
	if diff := cmp.Diff(want, verdicts(findings)); diff != "" {
		t.Error(diff)
	}
	if len(e.seen) != 0 {
		t.Errorf("requests: %v", e.requests())
	}
}

// Windows and macOS may find an intermediate certificate that was not sent.
func TestACertificateThatOnlyTheSystemHasIsMissing(t *testing.T) {
	a := known()
	l := sign(leaf(), &a.intermediate).certificate
	chains := [][]*x509.Certificate{{l, a.intermediate.certificate, a.root.certificate}}
	if !breaksOff([]*x509.Certificate{l}, chains, nil) {
		t.Error("the chain is complete without the intermediate certificate")
	}
	if breaksOff([]*x509.Certificate{l, a.intermediate.certificate}, chains, nil) {
		t.Error("the chain is incomplete with the intermediate certificate")
	}
}
