package receive

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
)

// The time that opening an endpoint may take, and closing it.
const (
	OpenLimit     = 15 * time.Second
	OpenLimitAuto = 5 * time.Second // where the answer can be had without it
	CloseLimit    = 5 * time.Second
)

// OpenTunnel opens an endpoint within limit. The error is that of tunnel.Open.
func OpenTunnel(ctx context.Context, c tunnel.Config, limit time.Duration) (*tunnel.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return tunnel.Open(ctx, c)
}

// Follow calls f for every event of an endpoint until ctx ends or there will be no more.
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

// RefusalStore keeps the callbacks that came to a task's path and were refused.
type RefusalStore interface {
	Refuse(path string, r store.Refusal)
}

// NoteRefused returns what Options.Refused may be: it reports each request that was
// refused, and stores those for a path that is known, if s is not nil.
func NoteRefused(s RefusalStore, report func(Event)) func(*http.Request, int, error) {
	return func(r *http.Request, status int, reason error) {
		report(Refused{r.Method, status, reason})
		if s == nil || status == http.StatusNotFound {
			return
		}
		text := strings.Join(strings.Fields(reason.Error()), " ")
		s.Refuse(r.URL.Path, store.Refusal{ReceivedAt: time.Now(), StatusCode: status, Reason: text, Size: r.ContentLength, Header: r.Header})
	}
}
