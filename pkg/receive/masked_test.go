package receive

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestSecretsOfATicketAreMaskedAndForgottenLater(t *testing.T) {
	e, err := OpenTunnel(t.Context(), tunnel.Config{Loopback: true, PathPrefix: Prefix}, OpenLimit)
	if err != nil {
		t.Fatal(err)
	}
	masker := secret.NewMasker()
	server := Open(e, Options{Random: rand.Reader})
	defer server.Close()
	m := &Masked{Tickets: server, Masker: masker}
	ticket, err := m.Issue()
	if err != nil {
		t.Fatal(err)
	}
	text := ticket.Path + " " + ticket.Secret + " " + ticket.Header.Get("Authorization")
	masked := masker.Mask(text)
	for _, s := range TicketSecrets(ticket) {
		if strings.Contains(masked, s.Reveal()) {
			t.Errorf("%q has %q", masked, s.Reveal())
		}
	}
	m.Withdraw(ticket)
	for range 1000 { // a masker forgets late
		later, err := m.Issue()
		if err != nil {
			t.Fatal(err)
		}
		m.Withdraw(later)
	}
	if got := masker.Mask(text); got != text {
		t.Errorf("long after it was withdrawn, it is still masked: %q", got)
	}
}

// maskedResult returns what a sink gets of a callback, whose ticket is known, or only its
// digest.
func maskedResult(t *testing.T, m *secret.Masker, onlyDigest bool, body string) webhook.Delivery {
	t.Helper()
	ticket := webhook.Ticket{Path: "/p", Header: http.Header{"X-Shop": {"shop-t0ken"}}, Secret: "call-s3cret"}
	if onlyDigest {
		var err error
		if ticket, err = webhook.ParseDigest("/p", ticket.Digest()); err != nil {
			t.Fatal(err)
		}
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Shop": {"shop-t0ken"}}
	result, err := webhook.Verify(ticket, header, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var got webhook.Delivery
	sink := maskResults(m, webhook.SinkFunc(func(_ context.Context, d webhook.Delivery) error { got = d; return nil }))
	if err := sink.Deliver(t.Context(), webhook.Delivery{Ticket: ticket, Result: result, Header: header, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != body || got.Header.Get("X-Shop") != "shop-t0ken" {
		t.Errorf("what arrived was changed: %v %s", got.Header, got.Body)
	}
	return got
}

func TestResultsOfCallbacksAreMasked(t *testing.T) {
	const body = `{"requestId":"r", "status":"success","secret":"call-s3cret","response":{"text":"an-api-key call-s3cret shop-t0ken"}}`
	for onlyDigest, want := range map[bool]string{
		false: `{"requestId":"r", "status":"success","response":{"text":"*** call-s3cret shop-t0ken"}}`, // its ticket was not hidden
		true:  `{"requestId":"r", "status":"success","response":{"text":"*** *** ***"}}`,
	} {
		m := secret.NewMasker()
		m.Hide(secret.New("an-api-key"))
		if got := maskedResult(t, m, onlyDigest, body).Result; string(got.Raw()) != want || !strings.HasPrefix(got.Text(), "***") {
			t.Errorf("only a digest: %v: got %s", onlyDigest, got.Raw())
		}
	}
	plain := maskedResult(t, secret.NewMasker(), false, body).Result
	if want := strings.Replace(body, `"secret":"call-s3cret",`, "", 1); string(plain.Raw()) != want {
		t.Errorf("without a secret: %s", plain.Raw())
	}
}

// A secret may be a word of the API, or a part of a request ID, of which two must not become
// one.
func TestAnAnswerThatCannotBeMaskedIsNotLost(t *testing.T) {
	for _, value := range []string{"requestId", "completedAt", "req_s3cret"} {
		m := secret.NewMasker()
		m.Hide(secret.New(value))
		got := maskedResult(t, m, false, `{"requestId":"req_s3cret_1","status":"success","secret":"call-s3cret","completedAt":"x"}`).Result
		if !got.Final() || got.RequestID != "req_s3cret_1" {
			t.Errorf("%s: got %s", value, got.Raw())
		}
	}
}
