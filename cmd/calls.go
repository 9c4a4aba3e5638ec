package cmd

import (
	"errors"
	"io"
	"net/url"

	"github.com/narada-cli/narada/pkg/narada"
)

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
