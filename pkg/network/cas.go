package network

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/narada-cli/narada/pkg/textfile"
)

// maxPEM is the maximum size of a PEM file in bytes.
const maxPEM = 4 << 20

// ReadCAs reads the certificates of authorities from a PEM file or pipe. ctx ends the read.
func ReadCAs(ctx context.Context, path string) (list []*x509.Certificate, err error) {
	rest, err := textfile.ReadBytes(ctx, path, maxPEM)
	if err != nil {
		return nil, textfile.Named(path, err)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, certificate)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no PEM certificate in %s", path)
	}
	return list, nil
}

// Pool returns a pool of certificates, which begin with those of base; nil: none.
func Pool(base *x509.CertPool, list []*x509.Certificate) *x509.CertPool {
	if base == nil {
		base = x509.NewCertPool()
	}
	pool := base.Clone()
	for _, certificate := range list {
		pool.AddCert(certificate)
	}
	return pool
}
