package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
)

// forwardFlags say to which endpoint callbacks are passed on.
type forwardFlags struct {
	to      string
	headers []string
	retries int
	timeout time.Duration
}

// defaultForwardRetries are some three minutes.
const defaultForwardRetries = 10

func (f *forwardFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "forward-to", "", "pass each callback on to this `URL`: https, or http on this machine")
	flags.StringArrayVar(&f.headers, "forward-header", nil, "header that is added, as `'Name: value'`; the value may be env:NAME or file:PATH (repeatable)")
	flags.IntVar(&f.retries, "forward-retries", defaultForwardRetries, "how `often` more a callback is passed on that was not taken")
	flags.DurationVar(&f.timeout, "forward-timeout", deliver.DefaultTimeout, "most `time` that the answer to one may take")
}

// check finds flags that make no sense.
func (f *forwardFlags) check(cmd *cobra.Command) error {
	if f.to == "" {
		for _, name := range []string{"forward-header", "forward-retries", "forward-timeout"} {
			if cmd.Flags().Changed(name) {
				return usageError("add --forward-to URL", "--%s: callbacks are passed on to nobody", name)
			}
		}
		return nil
	}
	switch {
	case f.retries < 0:
		return usageError("", "--forward-retries: %d is less than 0", f.retries)
	case f.timeout <= 0:
		return usageError("", "--forward-timeout: %s is not more than 0", f.timeout)
	}
	if err := task.CheckCallbackURL(f.to); err != nil {
		return usageError(forwardHint(f.to), "--forward-to: %v", err)
	}
	return nil
}

// forwardHint is what to do about an address to which nothing is passed on.
func forwardHint(address string) string {
	if u, err := url.Parse(address); err == nil && u.Scheme == "http" && u.User == nil {
		return "secret and answer would be readable on the way: use https, or an address of this machine"
	}
	return ""
}

// checkOther refuses a target that is the endpoint itself: a callback would go round
// for ever.
func (f *forwardFlags) checkOther(e *tunnel.Endpoint) error {
	target, err := url.Parse(f.to)
	if err != nil || f.to == "" {
		return err
	}
	own := e.URL()
	same := hostName(target) == hostName(own) && port(target) == port(own)
	if local, ok := e.Listener().Addr().(*net.TCPAddr); ok && narada.IsLoopback(target.Hostname()) {
		same = same || port(target) == fmt.Sprint(local.Port)
	}
	if same {
		return usageError("", "--forward-to: %s is the address at which callbacks come in", f.to)
	}
	return nil
}

// hostName is the URL's host as DNS compares it.
func hostName(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// forwarding passes the callbacks of a listen command on to an endpoint.
type forwarding struct {
	inv    *invocation
	ledger *sqlite.Store
	to     string
	added  secret.Credentials
	sender deliver.Sender
	hard   context.Context // its end ends the attempts that are under way

	mu   sync.Mutex
	down bool // it was said that the target does not take callbacks
}

// newForwarding resolves the flags.
func (inv *invocation) newForwarding(f *forwardFlags) (t *forwarding, err error) {
	t = &forwarding{inv: inv, to: f.to}
	if t.added, err = inv.readCredentials("--forward-header", "", f.headers, secret.Credentials{}); err != nil {
		return nil, err
	}
	for name := range t.added.Header() {
		if !deliver.IsEndToEnd(name) {
			return nil, usageError("", "--forward-header: %s is of the connection to the target, and not for a callback to say", name)
		}
	}
	transport := inv.transport()
	transport.DisableCompression = true // a header that the cloud did not send
	t.sender = deliver.Sender{Transport: transport, Attempts: 1 + f.retries, Timeout: f.timeout}
	return t, nil
}

// name implements onwardTarget: what the ledger calls it.
func (t *forwarding) name() string { return t.to }

// begin implements onwardTarget.
func (t *forwarding) begin(l *sqlite.Store, hard context.Context, stop <-chan struct{}) {
	t.ledger, t.hard, t.sender.Stop = l, hard, stop
}

// workers implements onwardTarget.
func (t *forwarding) workers() int { return forward.DefaultWorkers }

// patience implements onwardTarget: to cut an attempt off would have it sent twice.
func (t *forwarding) patience() time.Duration { return t.sender.Timeout + closeLimit }

// hand implements onwardTarget.
func (t *forwarding) hand(f store.Forward) (store.Forward, error) {
	header, body, ok, err := t.ledger.ForwardContent(context.Background(), f)
	if err != nil || !ok {
		return f, err
	}
	header = deliver.EndToEnd(header)
	t.added.Apply(header.Set)
	sender := t.sender
	sender.Observe = t.observe
	attempts, failure := sender.Send(t.hard, deliver.Callback{URL: t.to, Header: header, Body: body})
	if errors.Is(failure, deliver.ErrStopped) || failure != nil && t.hard.Err() != nil {
		return f, deliver.ErrStopped
	}
	last := attempts[len(attempts)-1]
	f.State, f.Attempts, f.StatusCode, f.EndedAt = store.ForwardDelivered, len(attempts), last.StatusCode, time.Now()
	if failure != nil {
		f.State, f.Failure = store.ForwardFailed, t.inv.redactor.Mask(explainAttempt(last, t.sender.Timeout))
		return f, nil
	}
	t.inv.talk.Detail("forwarded", fmt.Sprintf("%s was passed on to %s: %d in %s", term.OneLine(f.RequestID), t.to, last.StatusCode, roundDuration(last.Duration)))
	return f, nil
}

// observe says once when the target is down, and once when it is back.
func (t *forwarding) observe(a deliver.Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case a.Accepted() && t.down:
		t.down = false
		t.inv.talk.Info("target-back", t.to+" takes callbacks again")
	case a.Temporary() && !t.down && t.hard.Err() == nil && a.Number < t.sender.Attempts:
		t.down = true
		t.inv.talk.Warn("target-down", fmt.Sprintf("%s does not take callbacks: %s; trying again", t.to, a.Kind()))
	}
}
