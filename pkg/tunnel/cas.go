package tunnel

import (
	"crypto/x509"
	"fmt"
	"os"
)

// ReadCAs reads certificate authorities from a PEM file.
func ReadCAs(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no PEM certificate in %s", path)
	}
	return pool, nil
}
