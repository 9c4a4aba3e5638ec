package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
)

// The reasons for which Verify refuses a callback. Its errors wrap one of them.
var (
	ErrHeader    = errors.New("wrong or missing header")
	ErrMediaType = errors.New("the content type is not JSON")
	ErrEncoding  = errors.New("the body has a Content-Encoding; expected application/json without one")
	ErrMalformed = errors.New("malformed callback")
	ErrSecret    = errors.New("wrong secret")
)

// Verify checks a callback's header and body against the ticket and returns its result,
// without the secret. Headers and secret are compared in constant time. The caller checks
// method and path and limits the size of the body. The errors wrap ErrHeader,
// ErrMediaType, ErrEncoding, ErrMalformed or ErrSecret.
func Verify(t Ticket, header http.Header, body []byte) (*narada.Result, error) {
	want := t.expected()
	if err := want.verifyHeader(header); err != nil {
		return nil, err
	}
	if err := verifyMediaType(header); err != nil {
		return nil, err
	}
	return want.verifyBody(body)
}

func (d *digests) verifyHeader(header http.Header) error {
	fits := 1
	for name, want := range d.Header {
		fits &= equal(digest(headerText(header, name)), want)
	}
	if fits == 0 {
		return ErrHeader
	}
	return nil
}

func verifyMediaType(header http.Header) error {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return ErrMediaType
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return ErrEncoding
	}
	return nil
}

func (d *digests) verifyBody(body []byte) (*narada.Result, error) {
	r, secret, err := narada.ParseCallback(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if equal(digest(secret), d.Secret) == 0 || d.Secret == digest("") && len(d.Header) == 0 {
		return nil, ErrSecret
	}
	return r, nil
}

func headerText(header http.Header, name string) string {
	return strings.Join(header.Values(name), "\n")
}

// digest returns the SHA-256 digest of text in base64. Digests are of equal length, so
// comparing them reveals nothing about the lengths of the texts.
func digest(text string) string {
	s := sha256.Sum256([]byte(text))
	return base64.RawStdEncoding.EncodeToString(s[:])
}

// equal compares two digests in constant time.
func equal(a, b string) int { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) }
