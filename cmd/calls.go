package cmd

import (
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
)

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
