package cmd

import (
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

// hideTicket keeps what proves a callback out of the talk, and the unguessable
// end of its path too.
func (inv *invocation) hideTicket(t webhook.Ticket) {
	inv.redactor.Hide(secret.New(t.Path[strings.LastIndex(t.Path, "/")+1:]))
	inv.hideProof(t)
}

// hideProof keeps the ticket's secret and headers out of the talk.
func (inv *invocation) hideProof(t webhook.Ticket) {
	inv.redactor.Hide(secret.New(t.Secret))
	for name := range t.Header {
		value := t.Header.Get(name)
		inv.redactor.Hide(secret.New(value), secret.New(strings.TrimPrefix(value, "Bearer ")))
	}
}

// explain words an error of a call for people: a network error without the
// library's quoting.
func explain(err error) string {
	if failure, ok := errors.AsType[*narada.DispatchError](err); ok {
		err = failure.Err
	}
	if failure, ok := errors.AsType[*narada.SessionError](err); ok {
		err = failure.Err
	}
	if failure, ok := errors.AsType[*url.Error](err); ok {
		host := failure.URL
		if u, parseErr := url.Parse(failure.URL); parseErr == nil {
			host = u.Host
		}
		if failure.Timeout() {
			return host + " did not answer in time"
		}
		if errors.Is(failure.Err, io.EOF) {
			return host + " closed the connection without an answer"
		}
		return "cannot reach " + host + ": " + failure.Err.Error()
	}
	return err.Error()
}
