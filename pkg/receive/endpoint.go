package receive

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
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

// RefusalStore stores the callbacks to a task's path that were refused.
type RefusalStore interface {
	Refuse(path string, r store.Refusal)
}

// NoteRefused returns a function for Options.Refused: it reports each request that was
// refused and, if s is not nil, stores those to a known path.
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
