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

// task is an accepted dispatch.
type task struct {
	*dispatch
	id         string
	number     int    // in the order of dispatches
	body       []byte // of the dispatch
	rule       *rule
	ruleNumber int
	structured json.RawMessage // nil: text only

	// Under the server's lock:
	status    narada.Status
	created   time.Time
	completed time.Time // zero: not finished
	asking    *humanInput
}

// start assigns an ID to a task and runs it. If it cannot, it returns the answer.
func (c *Server) start(t *task) (refused answer, ok bool) {
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
		return detail(http.StatusInternalServerError, "Duplicate request ID from the random source"), false
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

// forget removes the oldest finished tasks until the bytes fit.
func (c *Server) forget(bytes int) {
	for len(c.finished) > 0 && (len(c.finished) > maxFinished || c.kept+bytes > maxKept) {
		oldest := c.finished[0]
		c.finished[0] = nil // free it before the array
		c.finished = c.finished[1:]
		c.kept -= len(oldest.body)
		delete(c.byID, oldest.id)
	}
}

// run runs a task to its end.
func (c *Server) run(t *task) {
	c.changed(t)
	if !c.sleep(c.delay(t.rule)) {
		return
	}
	phase := make(chan struct{})
	close(phase)
	if h := t.rule.HumanInput; h != nil {
		token, err := c.random(8)
		if err != nil {
			token = t.id // any ID will do
		}
		c.mu.Lock()
		t.status, t.asking = narada.StatusInputRequired, newHumanInput("input_"+token, h)
		body := t.callbackBody()
		c.mu.Unlock()
		c.changed(t)
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
	c.changed(t)
	// The callback of the phase may be in a retry. It must not arrive after the final
	// callback.
	<-phase
	if t.callbackURL != "" {
		c.sendCallbacks(t)
	}
}

// changed calls Options.Changed with the task as it is now.
func (c *Server) changed(t *task) {
	if c.options.Changed == nil {
		return
	}
	c.mu.Lock()
	now := t.asTask()
	now.Answer = encode(struct {
		RequestID string `json:"requestId"`
		statusAnswer
	}{t.id, t.statusAnswer()})
	c.mu.Unlock()
	c.options.Changed(now)
}

// asTask returns the task for others, without its answer. The server's lock must be held.
func (t *task) asTask() Task {
	return Task{ID: t.id, Prompt: t.prompt, Body: t.body, Status: t.status, CreatedAt: t.created, CompletedAt: t.completed}
}

// finish sets the final status before any callback reports it.
func (c *Server) finish(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.status, t.asking = t.rule.Status, nil
	t.completed = time.Now().Truncate(time.Microsecond)
	if !t.completed.After(t.created) {
		t.completed = t.created.Add(time.Microsecond)
	}
	c.addDownloads(t)
	c.stats.Finished++
	c.finished = append(c.finished, t)
	c.forget(0)
}

// sleep returns false if the cloud was closed.
func (c *Server) sleep(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(c.ctx, d)
	defer cancel()
	<-ctx.Done()
	return c.ctx.Err() == nil
}

// text returns the text of a finished task.
func (t *task) text() string {
	switch {
	case t.rule.Text != nil:
		return *t.rule.Text
	case t.rule.Status == narada.StatusError:
		return "The task failed, as a rule of the sandbox defines."
	case t.rule.Status == narada.StatusInputRequired:
		return "The task needs human input, as a rule of the sandbox defines."
	}
	return fmt.Sprintf("Hello from the Narada sandbox, where no agent runs. You asked: %q", output.Cut(withoutAgent(t.prompt), 500))
}

// withoutAgent removes the agent's prefix from a prompt.
func withoutAgent(prompt string) string {
	if first, rest, ok := strings.Cut(prompt, " "); ok && strings.HasPrefix(first, "/") {
		return strings.TrimSpace(rest)
	}
	return prompt
}

// statusAnswer returns the body of a status call. The server's lock must be held.
func (t *task) statusAnswer() statusAnswer {
	a := statusAnswer{Status: t.status, CreatedAt: webhook.Timestamp(t.created), HumanInput: t.asking, BrowserWindowID: t.browserWindowID}
	if t.completed.IsZero() {
		return a
	}
	a.CompletedAt, a.Usage = new(webhook.Timestamp(t.completed)), t.rule.usage
	a.Response = &response{Text: t.text(), Output: narada.Output{Type: "text", Content: encode(t.text())}}
	if t.structured != nil {
		a.Response.Output = narada.Output{Type: "structured", Content: t.structured}
	}
	return a
}

// callbackBody returns the body of a callback. The server's lock must be held.
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
	b.CompletedAt, b.Usage = new(webhook.Timestamp(t.completed)), t.rule.usage
	b.Response = webhook.Response{Text: t.text(), StructuredOutput: t.structured}
	return b
}
