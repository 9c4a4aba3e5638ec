package contract

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
)

// A slower answer than fast is a warning, a slower one than tooSlow a failure.
const (
	fast    = time.Second
	tooSlow = 5 * time.Second
)

// inParallel is the number of concurrent callbacks.
const inParallel = 10

// redirect checks for a redirect, after which the other tests would tell nothing.
func (c *Check) redirect(ctx context.Context, t test) Finding {
	a := c.post(ctx, t, c.success())
	switch {
	case a.StatusCode == 0:
		return c.unanswered(a)
	case a.StatusCode/100 == 3:
		c.stopped = "the endpoint redirects"
		return Failed(fmt.Sprintf("%d %s", a.StatusCode, c.leadsTo(a.Location)), t.advice)
	}
	return Passed(seen(a))
}

// leadsTo says where a redirect leads, without the path, which may be a secret.
func (c *Check) leadsTo(location string) string {
	to, err := c.url.Parse(location)
	switch {
	case location == "" || err != nil:
		return "to no address"
	case to.Scheme == c.url.Scheme && to.Host == c.url.Host:
		return "to another path or query of the same host"
	}
	return "to " + oneLine(c.private.Mask(to.Scheme+"://"+to.Host))
}

// documented sends the sample of an event.
func documented(event string) func(*Check, context.Context, test) Finding {
	return func(c *Check, ctx context.Context, t test) Finding {
		a := c.post(ctx, t, written(c.sample(event)))
		if a.StatusCode != 0 {
			c.answers = append(c.answers, a.Duration)
		}
		if isRefusal(a) && !c.hasProof() {
			c.stopped = "the endpoint refuses callbacks without a header or secret"
			return Failed(c.answered(a), "Give the header and secret that the endpoint expects.")
		}
		return c.judge(a, t)
	}
}

func (c *Check) speed(_ context.Context, t test) Finding {
	if len(c.answers) == 0 {
		return Skipped("no answers", "")
	}
	slowest := slices.Max(c.answers)
	detail := "the slowest answer in " + rounded(slowest)
	switch {
	case slowest > tooSlow:
		return Failed(detail, t.advice)
	case slowest > fast:
		return Warned(detail, t.advice)
	}
	return Passed(detail)
}

// accepts sends bodies in order until one is not accepted.
func accepts(bodies func(*Check) [][]byte) func(*Check, context.Context, test) Finding {
	return func(c *Check, ctx context.Context, t test) Finding {
		var attempts []deliver.Attempt
		for _, body := range bodies(c) {
			attempts = append(attempts, c.post(ctx, t, body))
			if !attempts[len(attempts)-1].Accepted() {
				break
			}
		}
		return c.judgeAll(attempts, t)
	}
}

func (c *Check) parallel(ctx context.Context, t test) Finding {
	attempts := make([]deliver.Attempt, inParallel)
	var wg sync.WaitGroup
	for i := range attempts {
		body := c.success() // the random source is not safe for concurrent use
		wg.Go(func() { attempts[i] = c.post(ctx, t, body) })
	}
	wg.Wait()
	return c.judgeAll(attempts, t)
}

func (c *Check) keepAlive(ctx context.Context, t test) Finding {
	transport := c.transport.Clone() // with no connection yet
	defer transport.CloseIdleConnections()
	attempts := make([]deliver.Attempt, 2)
	for i := range attempts {
		attempts[i] = c.send(ctx, transport, t, deliver.Callback{Header: c.Credentials.Header(), Body: c.success()})
	}
	if f := c.judgeAll(attempts, t); f.Verdict != Pass {
		return f
	}
	if !attempts[1].Reused {
		return Warned("the connection was closed after an answer", t.advice)
	}
	return Passed("the connection was used twice")
}

// judgeAll judges answers that should all be 200 by the worst of them.
func (c *Check) judgeAll(attempts []deliver.Attempt, t test) Finding {
	if len(attempts) == 1 {
		return c.judge(attempts[0], t)
	}
	worst := Passed(fmt.Sprintf("%d answers, all 200", len(attempts)))
	for i, a := range attempts {
		if f := c.judge(a, t); worse(f, worst) {
			f.Detail = fmt.Sprintf("request %d of %d: %s", i+1, len(attempts), f.Detail)
			worst = f
		}
	}
	return worst
}

// judge judges an answer that should be 200.
func (c *Check) judge(a deliver.Attempt, t test) Finding {
	switch {
	case a.StatusCode == http.StatusOK, a.Accepted() && c.verdicts["success"] == Warn: // reported already
		return Passed(seen(a))
	case a.Accepted():
		return Warned(seen(a), "Answer 200, the documented status.")
	case a.StatusCode == 0:
		return Failed(a.Kind(), t.advice)
	}
	return Failed(c.answered(a), t.advice)
}

// worse reports whether f is worse than g.
func worse(f, g Finding) bool {
	badness := map[Verdict]int{Warn: 1, Fail: 2}
	return badness[f.Verdict] > badness[g.Verdict]
}
