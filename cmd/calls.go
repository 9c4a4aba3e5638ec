package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/ledger"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/webhook"
)

// dispatchCall is Client.Dispatch, with the request said for -v.
func (s *session) dispatchCall(c *narada.Client) func(context.Context, *narada.Request) (string, error) {
	return func(ctx context.Context, r *narada.Request) (string, error) {
		if s.talk.Verbose() {
			if body, err := r.Masked().MarshalJSON(); err == nil {
				s.talk.Detail("sent", "sending "+string(body))
			}
		}
		return c.Dispatch(ctx, r)
	}
}

// statusCall is Client.Status, with the result said for -v.
func (s *session) statusCall(c *narada.Client) func(context.Context, string) (*narada.Result, error) {
	return func(ctx context.Context, id string) (*narada.Result, error) {
		r, err := c.Status(ctx, id)
		if err == nil && s.talk.Verbose() {
			s.talk.Detail("received", "received "+term.OneLine(string(r.Raw())))
		}
		return r, err
	}
}

// pollFailing says once a row that status calls fail.
func (s *session) pollFailing(err error, inARow int) {
	if inARow == 3 {
		s.talk.Warn("poll", "status calls fail, and go on: "+explain(err))
		return
	}
	s.talk.Detail("poll", "the status call failed: "+explain(err))
}

// refused says, for -v, that a callback was not accepted.
func (s *session) refused(r *http.Request, status int, reason error) {
	s.talk.Detail("refused", fmt.Sprintf("a %s was refused with %d: %s", term.OneLine(r.Method), status, term.OneLine(reason.Error())),
		term.Field{Name: "status", Value: status})
}

// refusedInto is refused, and the ledger is told of those that came to a task's
// path.
func (s *session) refusedInto(l *ledger.Ledger) func(*http.Request, int, error) {
	return func(r *http.Request, status int, reason error) {
		s.refused(r, status, reason)
		if l == nil || status == http.StatusNotFound {
			return
		}
		l.Refuse(r.URL.Path, ledger.Refusal{
			ReceivedAt: time.Now(), StatusCode: status, Reason: term.OneLine(reason.Error()), Size: r.ContentLength, Header: r.Header,
		})
	}
}

// callbackHeaders are the ticket's headers as a request has them.
func callbackHeaders(t webhook.Ticket) map[string]string {
	headers := make(map[string]string, len(t.Header))
	for name := range t.Header {
		headers[name] = t.Header.Get(name)
	}
	return headers
}

// hideTicket keeps what proves a callback out of the talk, and the unguessable
// end of its path too.
func (s *session) hideTicket(t webhook.Ticket) {
	s.redactor.Hide(secret.New(t.Path[strings.LastIndex(t.Path, "/")+1:]))
	s.hideProof(t)
}

// hideProof keeps the ticket's secret and headers out of the talk.
func (s *session) hideProof(t webhook.Ticket) {
	s.redactor.Hide(secret.New(t.Secret))
	for name := range t.Header {
		value := t.Header.Get(name)
		s.redactor.Hide(secret.New(value), secret.New(strings.TrimPrefix(value, "Bearer ")))
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
