package contract

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/webhook"
)

// perMiB is how much more time a request gets for each MiB of its body, for slow
// ways up: it is 1.7 Mbit/s.
const perMiB = 5 * time.Second

// sample returns a documented callback with the right secret.
func (c *Check) sample(event string) webhook.Callback {
	callback, _ := webhook.Sample(event, c.random, c.Now()) // the events are webhook's, and c.random does not end
	callback.RequestID = "req_check_" + strings.TrimPrefix(callback.RequestID, "req_")
	if c.Secret != "" {
		callback.Secret = &c.Secret
	}
	return callback
}

// written is the body of a callback whose raw members are known to be JSON.
func written(callback webhook.Callback) []byte {
	body, _ := callback.Body()
	return body
}

// success is the body that most tests send, or vary.
func (c *Check) success() []byte { return written(c.sample("success")) }

// post sends the body as a callback with the right header.
func (c *Check) post(ctx context.Context, t test, body []byte) deliver.Attempt {
	return c.send(ctx, c.transport, t, deliver.Callback{Header: c.Header, Body: body})
}

// send makes one request, with its duration by the clock of Options.
func (c *Check) send(ctx context.Context, transport *http.Transport, t test, callback deliver.Callback) deliver.Attempt {
	callback.URL = c.url.String()
	header := http.Header{}
	for name, values := range callback.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	header.Set("Narada-Check", t.Name)
	callback.Header = header
	sender := deliver.Sender{Transport: transport, Timeout: c.Timeout + time.Duration(len(callback.Body)>>20)*perMiB}
	start := c.Now()
	attempts, _ := sender.Send(ctx, callback) // the attempt has the error
	a := attempts[0]
	a.Duration = c.Now().Sub(start)
	return a
}

func (c *Check) nullWindow() [][]byte {
	callback := c.sample("success")
	callback.BrowserWindowID = nil
	return [][]byte{written(callback)}
}

func (c *Check) nullUsage() [][]byte {
	callback := c.sample("success")
	callback.Usage = nil
	return [][]byte{written(callback)}
}

// unknownFields has new members at the top, in response and in usage.
func (c *Check) unknownFields() [][]byte {
	body := c.success()
	for _, object := range []string{`{"requestId":`, `{"text":`, `{"actions":`} {
		body = bytes.Replace(body, []byte(object), []byte(`{"naradaCheck":{"list":[1,null,"two"]},`+object[1:]), 1)
	}
	return [][]byte{body}
}

// scripts has characters of one to four bytes, joined ones, both directions, and
// what is special to JSON, HTML and JavaScript.
const scripts = "Zoë Łódź Ελλάδα Україна שלום مرحبا नमस्ते ไทย 한국어 日本語 中文 " +
	"🎉 👩\u200d🚀 🇺🇳 𝒳 𠮷 e\u0301 \"quoted\" back\\slash </script> & 'single' \u2028 tab\tline\r\nend"

// unicode is written out in the first body, and in escapes in the second, as either
// is JSON.
func (c *Check) unicode() [][]byte {
	bodies := make([][]byte, 2)
	for i := range bodies {
		callback := c.sample("success")
		callback.Response.Text = scripts
		bodies[i] = written(callback)
	}
	bodies[1] = escaped(bodies[1])
	return bodies
}

// escaped writes JSON in ASCII, as Python does unless it is told otherwise.
func escaped(doc []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(doc) {
		if r < 0x80 {
			b.WriteByte(byte(r))
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}

func (c *Check) text1MiB() [][]byte { return c.text(1 << 20) }
func (c *Check) text8MiB() [][]byte { return c.text(8 << 20) }

func (c *Check) text(size int) [][]byte {
	const line = "Narada Cloud tries how long a text may be: 64 bytes in a line.\n"
	callback := c.sample("success")
	callback.Response.Text = strings.Repeat(line, size/len(line)+1)[:size]
	return [][]byte{written(callback)}
}

func (c *Check) repeated() [][]byte {
	body := c.success()
	return [][]byte{body, body}
}
