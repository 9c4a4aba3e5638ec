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

// nearEnd is the time before its expiry in which a certificate should be renewed.
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
		return Failed("the certificate has no host names", t.advice)
	}
	return Failed("the certificate is for "+oneLine(strings.Join(names, ", ")), t.advice)
}

func (c *Check) certificateDates(_ context.Context, t test) Finding {
	now, leaf := c.Now(), c.leaf()
	remaining := leaf.NotAfter.Sub(now)
	switch {
	case now.Before(leaf.NotBefore):
		return Failed("the certificate is not valid before "+leaf.NotBefore.UTC().Format(time.DateTime), "Correct the clock of the machine that requested the certificate, or wait.")
	case remaining < 0:
		return Failed("the certificate expired on "+leaf.NotAfter.UTC().Format(time.DateTime), t.advice)
	case remaining < nearEnd:
		return Warned("the certificate expires in "+days(remaining), t.advice)
	}
	return Passed("the certificate expires in " + days(remaining))
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
		return Failed("the certificate of the issuer is missing: "+oneLine(c.leaf().Issuer.String()), t.advice)
	}
	return Passed(fmt.Sprintf("certificates sent: %d", len(sent)))
}

func (c *Check) certificateTrusted(_ context.Context, t test) Finding {
	chains, err := c.verify()
	if err == nil {
		root := chains[0][len(chains[0])-1]
		detail := "by " + oneLine(root.Subject.String())
		if slices.ContainsFunc(c.Authorities, root.Equal) {
			detail += ", which other senders do not know"
		}
		return Passed(detail)
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case unknown && selfSigned(c.leaf()):
		return Failed("the certificate is self-signed", t.advice)
	case unknown:
		return Failed("unknown certificate authority: "+oneLine(c.leaf().Issuer.String()), t.advice)
	}
	return Failed(oneLine(err.Error()), t.advice)
}

// verify builds the chains to a root. It ignores the host and the validity period,
// which have their own tests.
func (c *Check) verify() ([][]*x509.Certificate, error) {
	now, leaf := c.Now(), c.leaf()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		now = leaf.NotBefore
	}
	sent := x509.NewCertPool()
	for _, certificate := range c.handshake.PeerCertificates[1:] {
		sent.AddCert(certificate)
	}
	return leaf.Verify(x509.VerifyOptions{Roots: c.Roots, Intermediates: sent, CurrentTime: now})
}

// breaksOff reports whether the sent certificates do not lead from the leaf to a root.
// A private authority that is not sent looks the same.
func breaksOff(sent []*x509.Certificate, chains [][]*x509.Certificate, err error) bool {
	if err == nil {
		// Some systems know or fetch intermediate certificates. The cloud may not.
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
