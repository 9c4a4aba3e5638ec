package receive

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// The time limits of opening an endpoint, and of closing it.
const (
	OpenLimit     = 15 * time.Second
	OpenLimitAuto = 5 * time.Second // if polling can replace it
	CloseLimit    = 5 * time.Second
)

// OpenTunnel opens an endpoint within limit. The error is that of tunnel.Open.
func OpenTunnel(ctx context.Context, c tunnel.Config, limit time.Duration) (*tunnel.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return tunnel.Open(ctx, c)
}

// Follow calls f for every event of an endpoint until ctx ends or events is closed.
func Follow(ctx context.Context, events <-chan tunnel.Event, f func(tunnel.Event)) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-events:
			if !open {
				return
			}
			f(e)
		}
	}
}

// RefusalStore stores the callbacks to a known path that were refused.
type RefusalStore interface {
	Refuse(path string, r store.Refusal)
}

// NoteRefused returns a function for Options.Refused: it reports each request that was
// refused and, if s is not nil, stores those to a known path.
func NoteRefused(s RefusalStore, report func(Event)) func(*http.Request, int, error) {
	var notable repeats
	return func(r *http.Request, status int, reason error) {
		now, fits := time.Now(), headerFits(status, reason)
		event := Refused{Method: r.Method, StatusCode: status, Reason: reason}
		if fits {
			event.Times = notable.note(kindOf(status, reason), now)
		}
		report(event)
		if s == nil || status == http.StatusNotFound {
			return
		}
		text := strings.Join(strings.Fields(reason.Error()), " ")
		s.Refuse(r.URL.Path, store.Refusal{
			ReceivedAt: now, StatusCode: status, Reason: text, Size: r.ContentLength, Header: r.Header, HeaderFits: fits,
		})
	}
}

// headerFits reports whether a request that webhook.Handler refused had the right address
// and headers. An answer of 503 is not about the request.
func headerFits(status int, reason error) bool {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusServiceUnavailable:
		return false
	}
	return !errors.Is(reason, webhook.ErrHeader)
}

// kindOf returns the kind of a refusal: its status, and the reason without its details.
func kindOf(status int, reason error) string {
	for _, kind := range []error{webhook.ErrMediaType, webhook.ErrEncoding, webhook.ErrMalformed, webhook.ErrSecret} {
		if errors.Is(reason, kind) {
			return kind.Error()
		}
	}
	return strconv.Itoa(status)
}
