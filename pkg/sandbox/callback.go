package sandbox

import (
	"net/http"
	"net/url"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/webhook"
)

// A refused callback is retried as the cloud does it: six attempts, with pauses of
// about 0.5, 1, 2, 4 and 8 seconds.
const (
	callbackAttempts = 6
	callbackFirst    = 500 * time.Millisecond
	callbackMax      = 8 * time.Second
	callbackTimeout  = 10 * time.Second
)

// forgedSecret is not the secret of any callback.
const forgedSecret = "forged-by-the-sandbox"

// sendCallbacks sends the callback of a finished task, with the faults of its rule.
func (c *Server) sendCallbacks(t *task) {
	faults := t.rule.Faults.Callback
	if faults.Lost || !c.sleep(time.Duration(faults.Late)) {
		return
	}
	c.mu.Lock()
	body := t.callbackBody()
	c.mu.Unlock()
	if faults.Forged {
		c.sendForged(t, body)
	}
	if faults.Malformed {
		whole := encode(body)
		c.sendOnce(t, "malformed", t.callbackHeader, whole[:len(whole)/2])
	}
	for i := 0; i <= faults.Repeated && c.ctx.Err() == nil; i++ {
		c.deliver(t, body)
	}
}

// sendForged sends callbacks without the right credentials. Their text tells a
// receiver that accepted one.
func (c *Server) sendForged(t *task, body webhook.Callback) {
	body.Response = webhook.Response{Text: "This callback is forged. If you read this as an answer, it was not verified."}
	wrongHeader := http.Header{"Authorization": {"Bearer " + forgedSecret}}
	for name := range t.callbackHeader {
		wrongHeader.Set(name, forgedSecret)
	}
	right := encode(body)
	body.Secret = new(forgedSecret)
	c.sendOnce(t, "forged: wrong secret", t.callbackHeader, encode(body))
	c.sendOnce(t, "forged: wrong header", wrongHeader, right)
}

// sendOnce sends a callback that is not genuine, and ignores the outcome.
func (c *Server) sendOnce(t *task, fault string, header http.Header, body []byte) {
	_, _ = c.sender(t, fault, header, body).Send(c.ctx, deliver.Callback{URL: t.callbackURL, Header: header, Body: body})
}

// deliver sends a genuine callback until it is accepted or the attempts are used up.
func (c *Server) deliver(t *task, body webhook.Callback) {
	text := encode(body)
	s := c.sender(t, "", t.callbackHeader, text)
	s.Attempts, s.RetryRefused = callbackAttempts, true
	_, err := s.Send(c.ctx, deliver.Callback{URL: t.callbackURL, Header: t.callbackHeader, Body: text})
	c.count(func(s *Stats) {
		if err == nil {
			s.CallbacksAccepted++
		} else {
			s.CallbacksFailed++
		}
	})
}

func (c *Server) sender(t *task, fault string, header http.Header, body []byte) *deliver.Sender {
	to, _ := url.Parse(t.callbackURL) // it was parsed before
	return &deliver.Sender{
		Transport:  c.transport,
		FirstPause: callbackFirst, MaxPause: callbackMax, Timeout: callbackTimeout,
		Observe: func(a deliver.Attempt) {
			c.count(func(s *Stats) { s.CallbackAttempts++ })
			c.options.Observe(Event{
				Kind: EventCallback, RequestID: t.id, Host: to.Host, Attempt: a.Number,
				StatusCode: a.StatusCode, Err: a.Err, Duration: a.Duration, Fault: fault,
			})
			if c.options.Sent != nil {
				c.options.Sent(SentCallback{RequestID: t.id, URL: t.callbackURL, Header: header, Body: body, Fault: fault, Attempt: a})
			}
		},
	}
}
