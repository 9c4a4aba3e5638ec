package forward

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/secret"
)

// endpointConcurrency is how many callbacks are sent to an endpoint at once.
const endpointConcurrency = 16

// Endpoint is a target that gets callbacks as they arrived.
type Endpoint struct {
	URL    string
	Added  secret.Credentials // headers that replace the callback's own
	Sender deliver.Sender     // its Timeout is set

	Explain func(deliver.Attempt) string // why an attempt failed
	Report  func(Event)

	mu   sync.Mutex
	down bool // TargetDown was reported
	last int  // status of the last answer that ended a callback
}

// Name implements Target.
func (e *Endpoint) Name() string { return e.URL }

// Concurrency implements Target.
func (e *Endpoint) Concurrency() int { return endpointConcurrency }

// GracePeriod implements Target: an interrupted attempt would be repeated.
func (e *Endpoint) GracePeriod() time.Duration { return e.Sender.Timeout + closeLimit }

// Forward implements Target.
func (e *Endpoint) Forward(ctx, stop context.Context, header http.Header, body []byte, retrying func(Result)) (Result, error) {
	header = deliver.EndToEnd(header)
	e.Added.Apply(header.Set)
	sender := e.Sender
	sender.Stop = stop
	sender.Observe = func(a deliver.Attempt) {
		again := sender.Again(a) && ctx.Err() == nil && stop.Err() == nil
		if event := e.observe(a, again); event != nil {
			e.Report(event)
		}
		if again {
			retrying(e.result(a))
		}
	}
	last, failure := sender.Send(ctx, deliver.Callback{URL: e.URL, Header: header, Body: body})
	if errors.Is(failure, deliver.ErrStopped) || failure != nil && ctx.Err() != nil {
		return Result{}, deliver.ErrStopped
	}
	r := e.result(last)
	e.mu.Lock()
	defer e.mu.Unlock()
	r.Repeated, e.last = e.last == r.StatusCode && e.last != 0, r.StatusCode
	return r, nil
}

func (e *Endpoint) result(a deliver.Attempt) Result {
	r := Result{Attempts: a.Number, StatusCode: a.StatusCode, Took: a.Duration, LeadsTo: a.LeadsTo(e.URL)}
	if !a.Accepted() {
		r.Failure, r.Permanent = e.Explain(a), !a.Temporary()
	}
	return r
}

// observe returns an event when the endpoint goes down, and when it is up again. again is
// whether the attempt is followed by another.
func (e *Endpoint) observe(a deliver.Attempt, again bool) Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case a.Accepted() && e.down:
		e.down = false
		return TargetUp{e.URL}
	case again && !e.down:
		e.down = true
		return TargetDown{e.URL, a}
	}
	return nil
}

// SameAddress reports whether target is own, which is served at the address local:
// forwarding would loop.
func SameAddress(target string, own *url.URL, local net.Addr) bool {
	to, err := url.Parse(target)
	if err != nil {
		return false
	}
	if tcp, ok := local.(*net.TCPAddr); ok && network.IsLoopback(to.Hostname()) && port(to) == strconv.Itoa(tcp.Port) {
		return true
	}
	return hostName(to) == hostName(own) && port(to) == port(own)
}

// hostName is the URL's host in the form for comparison.
func hostName(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

func port(u *url.URL) string {
	if u.Scheme == "http" {
		return cmp.Or(u.Port(), "80")
	}
	return cmp.Or(u.Port(), "443")
}
