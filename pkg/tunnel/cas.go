package tunnel

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/narada-cli/narada/pkg/textfile"
)

// maxPEM is the maximum size of a PEM file in bytes.
const maxPEM = 4 << 20

// ReadCAs reads certificate authorities from a PEM file or pipe. ctx ends the read.
func ReadCAs(ctx context.Context, path string) (*x509.CertPool, error) {
	pem, err := textfile.ReadBytes(ctx, path, maxPEM)
	if err != nil {
		return nil, textfile.Named(path, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no PEM certificate in %s", path)
	}
	return pool, nil
}
