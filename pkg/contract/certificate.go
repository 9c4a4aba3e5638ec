package contract

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// nearEnd is how long before its end a certificate should have been renewed.
const nearEnd = 14 * 24 * time.Hour

func (c *Check) leaf() *x509.Certificate { return c.handshake.PeerCertificates[0] }

func (c *Check) certificateHost(_ context.Context, t test) Finding {
	if c.leaf().VerifyHostname(c.host) == nil {
		return Passed(c.host)
	}
	names := slices.Clone(c.leaf().DNSNames)
	for _, ip := range c.leaf().IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return Failed("the certificate names no host", t.advice)
	}
	return Failed("the certificate is for "+oneLine(strings.Join(names, ", ")), t.advice)
}

func (c *Check) certificateDates(_ context.Context, t test) Finding {
	now, leaf := c.Now(), c.leaf()
	left := leaf.NotAfter.Sub(now)
	switch {
	case now.Before(leaf.NotBefore):
		return Failed("the certificate begins "+leaf.NotBefore.UTC().Format(time.DateTime), "Correct the clock of the machine that asked for the certificate, or wait.")
	case left < 0:
		return Failed("the certificate ended "+leaf.NotAfter.UTC().Format(time.DateTime), t.advice)
	case left < nearEnd:
		return Warned("the certificate ends in "+days(left), t.advice)
	}
	return Passed("the certificate ends in " + days(left))
}

func days(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

func (c *Check) certificateChain(_ context.Context, t test) Finding {
	sent := c.handshake.PeerCertificates
	chains, err := c.verify()
	if breaksOff(sent, chains, err) {
		return Failed("the certificate of the issuer was not sent: "+oneLine(c.leaf().Issuer.String()), t.advice)
	}
	if len(sent) == 1 {
		return Passed("1 certificate sent")
	}
	return Passed(fmt.Sprintf("%d certificates sent", len(sent)))
}

func (c *Check) certificateTrusted(_ context.Context, t test) Finding {
	chains, err := c.verify()
	if err == nil {
		chain := chains[0]
		return Passed("by " + oneLine(chain[len(chain)-1].Subject.String()))
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case unknown && selfSigned(c.leaf()):
		return Failed("the certificate is signed by itself", t.advice)
	case unknown:
		return Failed("the certificate is by an unknown authority: "+oneLine(c.leaf().Issuer.String()), t.advice)
	}
	return Failed(oneLine(err.Error()), t.advice)
}

// verify follows the certificate to a root. It looks at no host, and if the
// certificate is not valid now, at a time when it was: those are tests of their own.
func (c *Check) verify() ([][]*x509.Certificate, error) {
	now, leaf := c.Now(), c.leaf()
	switch {
	case now.Before(leaf.NotBefore):
		now = leaf.NotBefore
	case now.After(leaf.NotAfter):
		now = leaf.NotAfter
	}
	sent := x509.NewCertPool()
	for _, certificate := range c.handshake.PeerCertificates[1:] {
		sent.AddCert(certificate)
	}
	return leaf.Verify(x509.VerifyOptions{Roots: c.Roots, Intermediates: sent, CurrentTime: now})
}

// breaksOff reports whether what was sent does not lead from the leaf up to a root.
// A private authority that is not sent looks just so.
func breaksOff(sent []*x509.Certificate, chains [][]*x509.Certificate, err error) bool {
	if err == nil {
		// Some systems have intermediate certificates at hand, or fetch them,
		// and the cloud may not.
		return !slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool {
			return !slices.ContainsFunc(chain[:len(chain)-1], func(certificate *x509.Certificate) bool {
				return !slices.ContainsFunc(sent, certificate.Equal)
			})
		})
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		return false
	}
	leaf := sent[0]
	return !selfSigned(leaf) && !slices.ContainsFunc(sent[1:], func(issuer *x509.Certificate) bool {
		return bytes.Equal(leaf.RawIssuer, issuer.RawSubject) && leaf.CheckSignatureFrom(issuer) == nil
	})
}

func selfSigned(certificate *x509.Certificate) bool {
	return bytes.Equal(certificate.RawIssuer, certificate.RawSubject) &&
		certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) == nil
}
