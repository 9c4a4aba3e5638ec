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

// The answer to a callback is fast below the first and too slow above the second.
const (
	fast    = time.Second
	tooSlow = 5 * time.Second
)

// inParallel is how many callbacks come at once.
const inParallel = 10

// redirect tries the one thing after which the other callbacks tell nothing.
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

// leadsTo says where a redirect leads, without a path, which may be a secret.
func (c *Check) leadsTo(location string) string {
	to, err := c.url.Parse(location)
	switch {
	case location == "" || err != nil:
		return "to no address"
	case to.Scheme == c.url.Scheme && to.Host == c.url.Host:
		return "to another path or query of the same host"
	}
	return "to " + c.private.clean([]byte(to.Scheme+"://"+to.Host))
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
			return Failed(c.answered(a), "Give the header and the secret that the endpoint expects.")
		}
		return c.judge(a, t)
	}
}

func (c *Check) speed(_ context.Context, t test) Finding {
	if len(c.answers) == 0 {
		return Skipped("there was no answer", "")
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

// accepts sends bodies one after the other until one is not accepted.
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
		body := c.success() // the random source is for one goroutine
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
		attempts[i] = c.send(ctx, transport, t, deliver.Callback{Header: c.Header, Body: c.success()})
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
	worst := Passed(fmt.Sprintf("%d answers, all well", len(attempts)))
	for i, a := range attempts {
		if f := c.judge(a, t); worse(f, worst) {
			worst = f
			worst.Detail = fmt.Sprintf("request %d of %d: %s", i+1, len(attempts), f.Detail)
		}
	}
	return worst
}

// judge judges an answer that should be 200.
func (c *Check) judge(a deliver.Attempt, t test) Finding {
	switch {
	case a.StatusCode == http.StatusOK:
		return Passed(seen(a))
	case a.Accepted() && c.verdicts["success"] == Warn:
		return Passed(seen(a)) // it has been said
	case a.Accepted():
		return Warned(seen(a), "Answer with 200, the status that the cloud documents.")
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
