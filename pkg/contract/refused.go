package contract

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
)

// giveCredentials is the advice of tests that need a header or a secret.
const giveCredentials = "Give the endpoint's header and secret to test whether it refuses others."

// proof sends the first callback. If it fails, the other tests would fail too.
func (c *Check) proof(ctx context.Context, t test) Finding {
	if !c.hasProof() {
		return Skipped("no header or secret given", giveCredentials)
	}
	a := c.post(ctx, t, c.success())
	switch {
	case a.StatusCode == 0:
		return c.unanswered(a)
	case isRefusal(a):
		c.stopped = "the right header and secret are refused"
		return Failed(fmt.Sprintf("the right header and secret were refused with %d", a.StatusCode), t.advice)
	}
	return Passed(seen(a))
}

// unanswered returns the finding for a first callback without an answer.
func (c *Check) unanswered(a deliver.Attempt) Finding {
	c.stopped = "the endpoint does not answer"
	return Failed(a.Kind(), "See the endpoint's log for the request.")
}

func (c *Check) hasProof() bool { return !c.Credentials.Secret().Empty() || c.hasHeader() }

func (c *Check) hasHeader() bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(c.Credentials.Header())), isProof)
}

// isProof reports whether the header can be a credential. Every request needs these
// two to reach the endpoint.
func isProof(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return name != "Host" && name != "Content-Type"
}

func (c *Check) wrongSecret(ctx context.Context, t test) Finding {
	if c.Credentials.Secret().Empty() {
		return Skipped("no secret given", giveCredentials)
	}
	callback := c.sample("success")
	callback.Secret = new(c.wrong())
	return c.judgeRefusal(c.post(ctx, t, written(callback)), "a callback with a wrong secret", t)
}

// missingSecret sends null, then a body without the member. The latter is malformed,
// so any 4xx will do.
func (c *Check) missingSecret(ctx context.Context, t test) Finding {
	if c.Credentials.Secret().Empty() {
		return Skipped("no secret given", giveCredentials)
	}
	callback := c.sample("success")
	callback.Secret = nil
	body := written(callback)
	null := c.judgeRefusal(c.post(ctx, t, body), "a callback whose secret is null", t)
	body, _ = narada.WithoutMembers(body, "secret") // it is a valid object
	a := c.post(ctx, t, body)
	absent := c.judgeRefusal(a, "a callback without a secret", t)
	if a.StatusCode/100 == 4 {
		absent = Passed(seen(a))
	}
	if worse(absent, null) {
		return absent
	}
	return null
}

// changedHeader sends a callback with other values in its headers, or without them if
// change is nil. It should be refused.
func changedHeader(what string, change func(c *Check, value string) string) func(*Check, context.Context, test) Finding {
	return func(c *Check, ctx context.Context, t test) Finding {
		if !c.hasHeader() {
			return Skipped("no header given", giveCredentials)
		}
		header := c.Credentials.Header()
		for name, values := range c.Credentials.Header() {
			if !isProof(name) {
				continue
			}
			header[name] = nil
			for _, value := range values {
				if change != nil {
					header[name] = append(header[name], change(c, value))
				}
			}
		}
		a := c.send(ctx, c.transport, t, deliver.Callback{Header: header, Body: c.success()})
		return c.judgeRefusal(a, what, t)
	}
}

// wrongValue returns a wrong value with the same scheme, as in "Bearer ...".
func (c *Check) wrongValue(value string) string {
	if scheme, _, ok := strings.Cut(value, " "); ok {
		return scheme + " " + c.wrong()
	}
	return c.wrong()
}

func (c *Check) wrong() string {
	b := make([]byte, 24)
	_, _ = io.ReadFull(c.random, b) // it has no end
	return "wrong-" + base64.RawURLEncoding.EncodeToString(b)
}

// judgeRefusal judges an answer that should be 401 or 403.
func (c *Check) judgeRefusal(a deliver.Attempt, what string, t test) Finding {
	f := c.judgeClientError(a, what, t)
	if f.Verdict == Pass && !isRefusal(a) {
		return Warned(c.answered(a), "Answer 401 to a callback without valid credentials.")
	}
	return f
}

func (c *Check) get(ctx context.Context, t test) Finding {
	a := c.send(ctx, c.transport, t, deliver.Callback{Method: http.MethodGet, Header: c.Credentials.Header()})
	if a.StatusCode == http.StatusNotImplemented { // as servers answer a method that they do not know
		return Passed(seen(a))
	}
	return c.judgeClientError(a, "GET", t)
}

func (c *Check) brokenJSON(ctx context.Context, t test) Finding {
	body := c.success()
	return c.judgeClientError(c.post(ctx, t, body[:len(body)/2]), "a truncated body", t)
}

// judgeClientError judges an answer that should be 4xx.
func (c *Check) judgeClientError(a deliver.Attempt, what string, t test) Finding {
	switch {
	case a.StatusCode == 0:
		return Failed(a.Kind(), t.advice)
	case a.Accepted():
		return Failed(fmt.Sprintf("%s was accepted with %d", what, a.StatusCode), t.advice)
	case a.StatusCode >= 500:
		return Failed(c.answered(a), t.advice)
	case a.StatusCode/100 == 4:
		return Passed(seen(a))
	}
	return Warned(c.answered(a), t.advice)
}

func isRefusal(a deliver.Attempt) bool {
	return a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden
}
