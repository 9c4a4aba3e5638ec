package contract

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
)

// The advice of tests for which the caller has given too little.
const (
	giveProof  = "Give the header and the secret of the endpoint, to try whether it refuses others."
	giveSecret = "Give the secret of the endpoint, to try whether it refuses others."
	giveHeader = "Give the header of the endpoint, to try whether it refuses others."
)

// proof is the first callback. If it fails, the other tests would do so too.
func (c *Check) proof(ctx context.Context, t test) Finding {
	if !c.hasProof() {
		return Skipped("no header and no secret given", giveProof)
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

// unanswered is the finding of a first callback that got no answer.
func (c *Check) unanswered(a deliver.Attempt) Finding {
	c.stopped = "the endpoint does not answer"
	return Failed(a.Kind(), "See in the endpoint's log what became of the request.")
}

func (c *Check) hasProof() bool { return c.Secret != "" || c.hasHeader() }

func (c *Check) hasHeader() bool {
	for name := range c.Header {
		if isProof(name) {
			return true
		}
	}
	return false
}

// isProof reports whether the header can prove anything. Every request has these two,
// and would not get to the endpoint with wrong ones.
func isProof(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return name != "Host" && name != "Content-Type"
}

func (c *Check) wrongSecret(ctx context.Context, t test) Finding {
	if c.Secret == "" {
		return Skipped("no secret given", giveSecret)
	}
	callback := c.sample("success")
	wrong := c.wrong()
	callback.Secret = &wrong
	return c.judgeRefusal(c.post(ctx, t, written(callback)), "a callback with a wrong secret", t)
}

// missingSecret sends null first, then no member at all. The latter is malformed,
// so that it may also be refused as that.
func (c *Check) missingSecret(ctx context.Context, t test) Finding {
	if c.Secret == "" {
		return Skipped("no secret given", giveSecret)
	}
	callback := c.sample("success")
	callback.Secret = nil
	null := c.judgeRefusal(c.post(ctx, t, written(callback)), "a callback whose secret is null", t)
	callback = c.sample("success")
	body, _ := narada.WithoutMembers(written(callback), "secret") // it is an object
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

func (c *Check) wrongHeader(ctx context.Context, t test) Finding {
	return c.withHeader(ctx, t, "a callback with a wrong header", func(value string) []string {
		// The scheme stays, as in "Bearer ...": it is no secret.
		scheme, _, ok := strings.Cut(value, " ")
		if !ok {
			return []string{c.wrong()}
		}
		return []string{scheme + " " + c.wrong()}
	})
}

func (c *Check) missingHeader(ctx context.Context, t test) Finding {
	return c.withHeader(ctx, t, "a callback without the header", func(string) []string { return nil })
}

// withHeader sends a callback that should be refused for its header, each value of
// which is changed.
func (c *Check) withHeader(ctx context.Context, t test, what string, change func(value string) []string) Finding {
	if !c.hasHeader() {
		return Skipped("no header given", giveHeader)
	}
	header := c.Header.Clone()
	for name, values := range c.Header {
		if !isProof(name) {
			continue
		}
		header[name] = nil
		for _, value := range values {
			header[name] = append(header[name], change(value)...)
		}
	}
	a := c.send(ctx, c.transport, t, deliver.Callback{Header: header, Body: c.success()})
	return c.judgeRefusal(a, what, t)
}

// wrong is a text that nobody has as secret.
func (c *Check) wrong() string {
	b := make([]byte, 24)
	_, _ = io.ReadFull(c.random, b) // it does not end
	return "wrong-" + base64.RawURLEncoding.EncodeToString(b)
}

// judgeRefusal judges an answer that should be 401 or 403.
func (c *Check) judgeRefusal(a deliver.Attempt, what string, t test) Finding {
	f := c.judgeClientError(a, what, t)
	if f.Verdict == Pass && !isRefusal(a) {
		return Warned(c.answered(a), "Answer with 401, as the endpoint refuses the callback and not its form.")
	}
	return f
}

func (c *Check) get(ctx context.Context, t test) Finding {
	a := c.send(ctx, c.transport, t, deliver.Callback{Method: http.MethodGet, Header: c.Header})
	return c.judgeClientError(a, "GET", t)
}

func (c *Check) brokenJSON(ctx context.Context, t test) Finding {
	body := c.success()
	return c.judgeClientError(c.post(ctx, t, body[:len(body)/2]), "a body that breaks off", t)
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
