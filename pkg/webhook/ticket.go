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

// Ticket is what a genuine callback shows: it comes to Path with each header of
// Header (Host cannot be one of them: net/http keeps it elsewhere), and has
// Secret in its body. It prints without its values.
type Ticket struct {
	Path   string
	Header http.Header
	Secret string

	digests *digests // of a ticket that ParseDigest returned; nil: what is to be shown is known
}

// digests are the SHA-256 digests, as base64, of what is to be shown.
type digests struct {
	Header map[string]string `json:"header,omitempty"`
	Secret string            `json:"secret"`
}

// tokenSize is the bytes of randomness in a path, a header and a secret each:
// 192 bits, 32 characters of base64url.
const tokenSize = 24

// NewTicket returns a ticket with a random path that begins with prefix (as
// "/callback/"), a random bearer token and a random secret. random must be a
// cryptographic source, as crypto/rand.Reader is.
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
// secret. ParseDigest makes a ticket of it that verifies callbacks, and header and
// secret cannot be had from it, if they are as hard to guess as NewTicket makes them.
func (t Ticket) Digest() string {
	d := t.digests
	if d == nil {
		d = &digests{Header: map[string]string{}, Secret: t.secretDigest()}
		for name := range t.Header {
			d.Header[name] = t.headerDigest(name)
		}
	}
	doc, _ := json.Marshal(d) // it is text throughout
	return string(doc)
}

// ParseDigest returns a ticket with the path that accepts the same callbacks as the
// one whose Digest it is given. It does not know what is to be shown: the values of
// Header are "***", and Secret is "".
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

// IsTicketPath reports whether path looks like one that NewTicket makes with
// prefix: one that does not need not be looked up.
func IsTicketPath(path, prefix string) bool {
	token, ok := strings.CutPrefix(path, prefix)
	return ok && len(token) == base64.RawURLEncoding.EncodedLen(tokenSize) &&
		!strings.ContainsFunc(token, func(r rune) bool { return !strings.ContainsRune(tokenAlphabet, r) })
}

const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Ticket implements Book: the book of an endpoint with one path.
func (t Ticket) Ticket(_ context.Context, path string) (Ticket, bool, error) {
	return t, path == t.Path, nil
}

// Format writes that there is a ticket, and nothing of it, whatever the verb.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "ticket ***") }

// LogValue implements slog.LogValuer.
func (t Ticket) LogValue() slog.Value { return slog.StringValue("***") }

// Book knows the tickets that are out, by path. An error means that it cannot
// tell now.
type TicketStore interface {
	Ticket(ctx context.Context, path string) (Ticket, bool, error)
}
