package forward

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
)

// endpointConcurrency is how many callbacks an endpoint is sent at once.
const endpointConcurrency = 16

// Endpoint is a target that callbacks are sent to as they came.
type Endpoint struct {
	URL    string
	Header http.Header    // added, in the place of the callback's own
	Sender deliver.Sender // its Timeout is set

	Explain func(deliver.Attempt) string // why the last attempt failed, in words
	Report  func(Event)

	mu   sync.Mutex
	down bool // it was reported that it does not take callbacks
}

// Name implements Target.
func (e *Endpoint) Name() string { return e.URL }

// Concurrency implements Target.
func (e *Endpoint) Concurrency() int { return endpointConcurrency }

// GracePeriod implements Target: an attempt that is cut off would be made twice.
func (e *Endpoint) GracePeriod() time.Duration { return e.Sender.Timeout + closeLimit }

// Forward implements Target.
func (e *Endpoint) Forward(ctx context.Context, stop <-chan struct{}, header http.Header, body []byte) (Result, error) {
	header = deliver.EndToEnd(header)
	maps.Copy(header, e.Header)
	sender := e.Sender
	sender.Stop = stop
	sender.Observe = func(a deliver.Attempt) {
		if event := e.observe(ctx, a); event != nil {
			e.Report(event)
		}
	}
	attempts, failure := sender.Send(ctx, deliver.Callback{URL: e.URL, Header: header, Body: body})
	if errors.Is(failure, deliver.ErrStopped) || failure != nil && ctx.Err() != nil {
		return Result{}, deliver.ErrStopped
	}
	last := attempts[len(attempts)-1]
	r := Result{Attempts: len(attempts), StatusCode: last.StatusCode, Took: last.Duration}
	if failure != nil {
		r.Failure = e.Explain(last)
	}
	return r, nil
}

// observe returns one event when the endpoint is down, and one when it is up again.
func (e *Endpoint) observe(ctx context.Context, a deliver.Attempt) Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case a.Accepted() && e.down:
		e.down = false
		return TargetUp{e.URL}
	case a.Temporary() && !e.down && ctx.Err() == nil && a.Number < e.Sender.Attempts:
		e.down = true
		return TargetDown{e.URL, a}
	}
	return nil
}

// SameAddress reports whether what is sent to target arrives at own, which is served at
// the address local: a callback would go round for ever.
func SameAddress(target string, own *url.URL, local net.Addr) bool {
	to, err := url.Parse(target)
	if err != nil {
		return false
	}
	if tcp, ok := local.(*net.TCPAddr); ok && narada.IsLoopback(to.Hostname()) && port(to) == strconv.Itoa(tcp.Port) {
		return true
	}
	return hostName(to) == hostName(own) && port(to) == port(own)
}

// hostName is the URL's host as DNS compares it.
func hostName(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

func port(u *url.URL) string {
	if u.Scheme == "http" {
		return cmp.Or(u.Port(), "80")
	}
	return cmp.Or(u.Port(), "443")
}
