package webhook

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// Ticket is what a genuine callback has: it is sent to Path with each header of Header
// (Host is not supported: net/http keeps it elsewhere) and has Secret in its body. Without
// headers, Secret must not be empty. Format and LogValue omit its values.
type Ticket struct {
	Path   string
	Header http.Header
	Secret string

	digests *digests // of a ticket of ParseDigest; else nil
}

// digests are the SHA-256 digests, in base64, of headers and secret.
type digests struct {
	Header map[string]string `json:"header,omitempty"`
	Secret string            `json:"secret"`
}

// tokenSize is the number of random bytes in a path, a header and a secret each: 192 bits,
// 32 characters of base64url.
const tokenSize = 24

// NewTicket returns a ticket with a random path that begins with prefix, such as
// "/callback/", a random bearer token and a random secret of 192 bits each. random must be
// a cryptographic source, such as crypto/rand.Reader; an error is one of its Read.
func NewTicket(random io.Reader, prefix string) (Ticket, error) {
	var tokens [3]string
	for i := range tokens {
		b := make([]byte, tokenSize)
		if _, err := io.ReadFull(random, b); err != nil {
			return Ticket{}, fmt.Errorf("ticket: %w", err)
		}
		tokens[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	return Ticket{
		Path:   prefix + tokens[0],
		Header: http.Header{"Authorization": {"Bearer " + tokens[1]}},
		Secret: tokens[2],
	}, nil
}

// Digest returns a JSON object with the SHA-256 digests of the ticket's headers and
// secret. ParseDigest returns a ticket that verifies the same callbacks. The values cannot
// be recovered from the digest if they are random, as those of NewTicket are.
func (t Ticket) Digest() string {
	doc, _ := json.Marshal(t.expected()) // strings only
	return string(doc)
}

// expected returns the digests of the headers and the secret.
func (t Ticket) expected() *digests {
	if t.digests != nil {
		return t.digests
	}
	d := &digests{Header: map[string]string{}, Secret: digest(t.Secret)}
	for name := range t.Header {
		d.Header[name] = digest(headerText(t.Header, name))
	}
	return d
}

// ParseDigest returns a ticket with the path that verifies the same callbacks as the
// ticket of the digest. Its values are unknown: those of Header are "***", and Secret is
// "". It is an error if digest is not one of Ticket.Digest.
func ParseDigest(path, digest string) (Ticket, error) {
	t := Ticket{Path: path, Header: http.Header{}, digests: &digests{}}
	if err := json.Unmarshal([]byte(digest), t.digests); err != nil {
		return Ticket{}, fmt.Errorf("ticket: %w", err)
	}
	for name := range t.digests.Header {
		t.Header.Set(name, "***")
	}
	return t, nil
}

// IsTicketPath reports whether path has the form of one of NewTicket with the prefix. Any
// other path need not be looked up.
func IsTicketPath(path, prefix string) bool {
	text, ok := strings.CutPrefix(path, prefix)
	token, err := base64.RawURLEncoding.DecodeString(text)
	return ok && err == nil && len(token) == tokenSize && len(text) == base64.RawURLEncoding.EncodedLen(tokenSize)
}

// Ticket implements TicketStore, for an endpoint with one path.
func (t Ticket) Ticket(_ context.Context, path string) (Ticket, bool, error) {
	return t, path == t.Path, nil
}

// Format implements fmt.Formatter: it writes no value of the ticket.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "ticket ***") }

// LogValue implements slog.LogValuer.
func (t Ticket) LogValue() slog.Value { return slog.StringValue("***") }

// TicketStore looks up a ticket by its path; ok is false if there is none. On an error the
// callback is answered 503.
type TicketStore interface {
	Ticket(ctx context.Context, path string) (t Ticket, ok bool, err error)
}
