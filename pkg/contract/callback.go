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

// perMiB is the additional time limit for each MiB of a body, at 1.7 Mbit/s.
const perMiB = 5 * time.Second

// sample returns a documented callback with the right secret.
func (c *Check) sample(event string) webhook.Callback {
	callback, _ := webhook.Sample(event, c.random, c.Now()) // the event is known, and c.random has no end
	callback.RequestID = "req_check_" + strings.TrimPrefix(callback.RequestID, "req_")
	if text := c.Credentials.Secret().Reveal(); text != "" {
		callback.Secret = &text
	}
	return callback
}

// written returns the body of a callback whose raw members are valid JSON.
func written(callback webhook.Callback) []byte {
	body, _ := callback.Body()
	return body
}

// success returns the body that most tests send or change.
func (c *Check) success() []byte { return written(c.sample("success")) }

// post sends a body with the right header.
func (c *Check) post(ctx context.Context, t test, body []byte) deliver.Attempt {
	return c.send(ctx, c.transport, t, deliver.Callback{Header: c.Credentials.Header(), Body: body})
}

// send sends one request. Its duration is by the clock of Options.
func (c *Check) send(ctx context.Context, transport *http.Transport, t test, callback deliver.Callback) deliver.Attempt {
	callback.URL = c.url.String()
	callback.Header.Set("Narada-Check", t.Name)
	sender := deliver.Sender{Transport: transport, Timeout: c.Timeout + time.Duration(len(callback.Body)>>20)*perMiB}
	start := c.Now()
	a, _ := sender.Send(ctx, callback) // the attempt has the error too
	a.Duration = c.Now().Sub(start)
	return a
}

// changed returns the body of the sample success after a change.
func changed(change func(*webhook.Callback)) func(*Check) [][]byte {
	return func(c *Check) [][]byte {
		callback := c.sample("success")
		change(&callback)
		return [][]byte{written(callback)}
	}
}

func nullWindow(callback *webhook.Callback) { callback.BrowserWindowID = nil }
func nullUsage(callback *webhook.Callback)  { callback.Usage = nil }

func textOf(size int) func(*webhook.Callback) {
	const line = "This line of the text has sixty-four bytes with its line break.\n"
	return func(callback *webhook.Callback) {
		callback.Response.Text = strings.Repeat(line, size/len(line)+1)[:size]
	}
}

// unknownFields adds members at the top, in response and in usage.
func (c *Check) unknownFields() [][]byte {
	body := c.success()
	for _, object := range []string{`{"requestId":`, `{"text":`, `{"actions":`} {
		body = bytes.Replace(body, []byte(object), []byte(`{"naradaCheck":{"list":[1,null,"two"]},`+object[1:]), 1)
	}
	return [][]byte{body}
}

// scripts has characters of one to four bytes, combining ones, both directions, and
// the special characters of JSON, HTML and JavaScript.
const scripts = "Zoë Łódź Ελλάδα Україна שלום مرحبا नमस्ते ไทย 한국어 日本語 中文 " +
	"🎉 👩\u200d🚀 🇺🇳 𝒳 𠮷 e\u0301 \"quoted\" back\\slash </script> & 'single' \u2028 tab\tline\r\nend"

// unicode sends the characters as they are, then as escapes.
func (c *Check) unicode() [][]byte {
	setText := changed(func(callback *webhook.Callback) { callback.Response.Text = scripts })
	return [][]byte{setText(c)[0], escaped(setText(c)[0])}
}

// escaped returns JSON in ASCII, as Python writes it by default.
func escaped(doc []byte) []byte {
	var b bytes.Buffer
	for _, unit := range utf16.Encode([]rune(string(doc))) {
		if unit < 0x80 {
			b.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}

func (c *Check) repeated() [][]byte {
	body := c.success()
	return [][]byte{body, body}
}
