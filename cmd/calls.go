package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/webhook"
)

// dispatchCall is Client.Dispatch, with the request said for -v.
func (inv *invocation) dispatchCall(c *narada.Client) func(context.Context, *narada.Request) (string, error) {
	return func(ctx context.Context, r *narada.Request) (string, error) {
		if inv.talk.Verbose() {
			if body, err := r.Masked().MarshalJSON(); err == nil {
				inv.talk.Detail("sent", "sending "+string(body))
			}
		}
		return c.Dispatch(ctx, r)
	}
}

// statusCall is Client.Status, with the result said for -v.
func (inv *invocation) statusCall(c *narada.Client) func(context.Context, string) (*narada.Result, error) {
	return func(ctx context.Context, id string) (*narada.Result, error) {
		r, err := c.Status(ctx, id)
		if err == nil && inv.talk.Verbose() {
			inv.talk.Detail("received", "received "+term.OneLine(string(r.Raw())))
		}
		return r, err
	}
}

// pollFailing says once a row that status calls fail.
func (inv *invocation) pollFailing(err error, inARow int) {
	if inARow == 3 {
		inv.talk.Warn("poll", "status calls fail, and go on: "+explain(err))
		return
	}
	inv.talk.Detail("poll", "the status call failed: "+explain(err))
}

// refused says, for -v, that a callback was not accepted.
func (inv *invocation) refused(r *http.Request, status int, reason error) {
	inv.talk.Detail("refused", fmt.Sprintf("a %s was refused with %d: %s", term.OneLine(r.Method), status, term.OneLine(reason.Error())),
		slog.Any("status", status))
}

// refusedInto is refused, and the ledger is told of those that came to a task's
// path.
func (inv *invocation) refusedInto(l *sqlite.Store) func(*http.Request, int, error) {
	return func(r *http.Request, status int, reason error) {
		inv.refused(r, status, reason)
		if l == nil || status == http.StatusNotFound {
			return
		}
		l.Refuse(r.URL.Path, store.Refusal{
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
