package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/webhook"
)

// task is a dispatch that was accepted.
type task struct {
	*dispatch
	id         string
	number     int    // in the order of dispatches
	body       []byte // as it came
	rule       *rule
	ruleNumber int
	structured json.RawMessage // nil: text only

	// Under the cloud's lock:
	status    narada.Status
	created   time.Time
	completed time.Time // zero: it goes on
	asking    *humanInput
}

// start gives a task its ID and lets it go. When that cannot be, it returns
// what to answer.
func (c *Cloud) start(t *task) (refused answer, ok bool) {
	token, err := c.random(16)
	if err != nil {
		return detail(http.StatusInternalServerError, "No randomness for a request ID"), false
	}
	t.id = "req_" + token
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(len(t.body))
	switch {
	case c.closed:
		return detail(http.StatusServiceUnavailable, "The sandbox is closing"), false
	case c.byID[t.id] != nil:
		return detail(http.StatusInternalServerError, "The request ID is taken: the source of randomness repeats itself"), false
	case c.kept+len(t.body) > maxKept:
		a := detail(http.StatusTooManyRequests, "Too many pending tasks")
		a.header = http.Header{"Retry-After": {"1"}}
		return a, false
	}
	t.status, t.created = narada.StatusPending, time.Now().Truncate(time.Microsecond)
	t.number = c.accepted
	c.accepted++
	c.byID[t.id] = t
	c.kept += len(t.body)
	c.stats.Dispatches++
	c.tasks.Go(func() { c.run(t) })
	return answer{}, true
}

// forget makes room for so many bytes more, with finished tasks only.
func (c *Cloud) forget(bytes int) {
	for len(c.finished) > 0 && (len(c.finished) > maxFinished || c.kept+bytes > maxKept) {
		oldest := c.finished[0]
		c.finished[0] = nil // let it be collected before the array is
		c.finished = c.finished[1:]
		c.kept -= len(oldest.body)
		delete(c.byID, oldest.id)
	}
}

// run is a task's life.
func (c *Cloud) run(t *task) {
	if !c.sleep(c.delay(t.rule)) {
		return
	}
	phase := make(chan struct{})
	close(phase)
	if h := t.rule.HumanInput; h != nil {
		token, err := c.random(8)
		if err != nil {
			token = t.id // any name will do
		}
		c.mu.Lock()
		t.status, t.asking = narada.StatusInputRequired, newHumanInput("input_"+token, h)
		body := t.callbackBody()
		c.mu.Unlock()
		if h.Callback && t.callbackURL != "" && !t.rule.Faults.Callback.Lost {
			phase = make(chan struct{})
			c.tasks.Go(func() {
				defer close(phase)
				c.deliver(t, body)
			})
		}
		if !c.sleep(time.Duration(h.For)) {
			return
		}
	}
	c.finish(t)
	// The callback of the phase may still be tried again. It must not come
	// after that of the end.
	<-phase
	if t.callbackURL != "" {
		c.sendCallbacks(t)
	}
}

// finish makes the task final, for status calls too, before any callback says
// so.
func (c *Cloud) finish(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.status, t.asking = t.rule.Status, nil
	t.completed = time.Now().Truncate(time.Microsecond)
	if !t.completed.After(t.created) {
		t.completed = t.created.Add(time.Microsecond)
	}
	c.leave(t)
	c.stats.Finished++
	c.finished = append(c.finished, t)
	c.forget(0)
}

// sleep reports false when the cloud was closed meanwhile.
func (c *Cloud) sleep(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(c.ctx, d)
	defer cancel()
	<-ctx.Done()
	return c.ctx.Err() == nil
}

// succeeds reports whether tasks of the rule end well.
func (r *rule) succeeds() bool { return r.Status == narada.StatusSuccess }

// text is what a finished task says.
func (t *task) text() string {
	switch {
	case t.rule.Text != nil:
		return *t.rule.Text
	case t.rule.Status == narada.StatusError:
		return "The task failed, as the sandbox was told to let it."
	case t.rule.Status == narada.StatusInputRequired:
		return "The task needs a person, as the sandbox was told."
	}
	return fmt.Sprintf("Hello from the Narada sandbox, where no agent runs. You asked: %q", output.Cut(withoutAgent(t.prompt), 500))
}

// withoutAgent takes the agent's prefix off a prompt.
func withoutAgent(prompt string) string {
	if first, rest, ok := strings.Cut(prompt, " "); ok && strings.HasPrefix(first, "/") {
		return strings.TrimSpace(rest)
	}
	return prompt
}

// statusAnswer is how the task stands. The cloud's lock must be held.
func (t *task) statusAnswer() statusAnswer {
	a := statusAnswer{Status: t.status, CreatedAt: webhook.Timestamp(t.created), HumanInput: t.asking, BrowserWindowID: t.browserWindowID}
	if t.completed.IsZero() {
		return a
	}
	completed := webhook.Timestamp(t.completed)
	a.CompletedAt, a.Usage = &completed, t.rule.usage
	a.Response = &response{Text: t.text(), Output: typed{Type: "text", Content: t.text()}}
	if t.structured != nil {
		a.Response.Output = typed{Type: "structured", Content: t.structured}
	}
	return a
}

// callbackBody is how the task stands, as a callback says it. The cloud's lock
// must be held.
func (t *task) callbackBody() webhook.Callback {
	b := webhook.Callback{
		RequestID: t.id, Secret: t.callbackSecret, Status: t.status, BrowserWindowID: t.browserWindowID,
		CreatedAt: webhook.Timestamp(t.created),
	}
	if t.asking != nil {
		b.HumanInput = encode(t.asking)
	}
	if t.completed.IsZero() {
		b.Response.Text = t.asking.Action.Message
		return b
	}
	completed := webhook.Timestamp(t.completed)
	b.CompletedAt, b.Usage = &completed, t.rule.usage
	b.Response = webhook.Response{Text: t.text(), StructuredOutput: t.structured}
	return b
}
