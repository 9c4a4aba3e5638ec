package tunnel

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/narada-cli/narada/pkg/secret"
)

// A UsageError says that the configuration cannot work, found before anything
// was opened.
type UsageError struct {
	message, hint string
}

func (e *UsageError) Error() string { return e.message }

// Hint returns what to do about it, or "".
func (e *UsageError) Hint() string { return e.hint }

// An Error says why an endpoint could not be opened, was lost or was stopped,
// in one line. It never contains the authtoken, nor does what it wraps.
type Error struct {
	message, hint, code string
	cause               error
}

func (e *Error) Error() string { return e.message }

// Hint returns what to do about it, or "".
func (e *Error) Hint() string { return e.hint }

// Code returns ngrok's code, such as "ERR_NGROK_105", or "" when the error is
// not ngrok's. https://ngrok.com/docs/errors explains the codes.
func (e *Error) Code() string { return e.code }

// Unwrap returns the cause, such as a *net.OpError or the context's error, or
// nil.
func (e *Error) Unwrap() error { return e.cause }

// masking returns what takes the authtoken out of texts, which ngrok repeats.
func masking(n Ngrok) *secret.Masker {
	m := secret.NewMasker()
	m.Hide(n.Authtoken)
	return m
}

// masked returns err, or, if its text has a secret in it, an error that only has
// the masked text.
func masked(m *secret.Masker, err error) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); m.Mask(text) != text {
		return errors.New(m.Mask(text))
	}
	return err
}

// codeOf returns ngrok's code in err or "". The library's types differ from
// place to place (ngrok.Error here, an internal one with ErrorCode there, plain
// text when an endpoint is bound again), so the text decides in the end.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	var internal interface{ ErrorCode() string }
	var public interface{ Code() string }
	switch {
	case errors.As(err, &internal) && internal.ErrorCode() != "":
		return internal.ErrorCode()
	case errors.As(err, &public) && public.Code() != "":
		return public.Code()
	}
	return regexp.MustCompile(`ERR_NGROK_\d+`).FindString(err.Error())
}

// refusal explains an error that carries one of ngrok's codes.
func refusal(err error, m *secret.Masker) *Error {
	code := codeOf(err)
	e := &Error{code: code, cause: masked(m, err)}
	const tokens = "https://dashboard.ngrok.com/get-started/your-authtoken"
	switch code {
	case "ERR_NGROK_105":
		e.message = "ngrok refused the authtoken: it is malformed"
		e.hint = "copy it again from " + tokens
	case "ERR_NGROK_107":
		e.message = "ngrok refused the authtoken: it is revoked or was reset"
		e.hint = "copy the current one from " + tokens
	case "ERR_NGROK_108":
		e.message = "ngrok refused the connection: the account already has as many agent sessions as its plan allows"
		e.hint = "stop one (https://dashboard.ngrok.com/agents), or use another account or plan"
	case "ERR_NGROK_334":
		e.message = "ngrok refused the endpoint: its URL is already online"
		e.hint = "stop the other endpoint (https://dashboard.ngrok.com/endpoints), or choose another domain; the free plan has a single one"
	case "ERR_NGROK_4018":
		e.message = "ngrok refused the connection: it needs a verified account and an authtoken"
		e.hint = "get a token at " + tokens + " and set NGROK_AUTHTOKEN"
	case "ERR_NGROK_725", "ERR_NGROK_727", "ERR_NGROK_734":
		e.message = "ngrok refused the endpoint: a limit of the account's plan is reached"
		e.hint = "see https://dashboard.ngrok.com/usage"
	default:
		e.message = "ngrok refused: " + oneLine(m.Mask(err.Error()), code)
		e.hint = "see https://ngrok.com/docs/errors/" + strings.ToLower(code)
	}
	e.message += " (" + code + ")"
	return e
}

// oneLine makes a line of ngrok's text, which has several, ends with the code
// or a link to its page, and starts with what the library was doing.
func oneLine(text, code string) string {
	var kept []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line == code || strings.HasPrefix(line, "https://ngrok.com/docs/errors/") {
			continue
		}
		kept = append(kept, line)
	}
	s := strings.Join(kept, " ")
	for _, step := range []string{"authentication failed: ", "failed to send authentication request: ", "failed to start tunnel: ", "failed to accept connection: "} {
		s = strings.TrimPrefix(s, step)
	}
	const most = 300
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	if s == "" {
		return "no reason given"
	}
	return s
}

// failure explains any error met on the way to the service at addr.
func failure(err error, addr string, m *secret.Masker) *Error {
	if codeOf(err) != "" {
		return refusal(err, m)
	}
	e := &Error{cause: masked(m, err)}
	var proxied *proxyError
	switch {
	case errors.As(err, &proxied):
		e.message = fmt.Sprintf("cannot reach ngrok (%s): %s", addr, m.Mask(proxied.Error()))
		e.hint = "check the proxy's address and password, and whether it lets connections to ngrok through"
	case untrusted(err):
		e.message = fmt.Sprintf("cannot trust ngrok's certificate (%s): %s", addr, oneLine(m.Mask(err.Error()), ""))
		e.hint = "something on the way replaces certificates: give its CA as ngrok's connect CAs"
	default:
		text := oneLine(m.Mask(err.Error()), "")
		if _, inner, ok := strings.Cut(text, "failed to dial ngrok server with address \""+addr+"\": "); ok {
			text = inner
		}
		e.message = fmt.Sprintf("cannot reach ngrok (%s): %s", addr, text)
		e.hint = "is there a network, and does it let TLS connections to that address through? A proxy is read from HTTPS_PROXY"
	}
	return e
}

// late explains that ctx ended before the endpoint was open; last is the latest
// thing that went wrong, or nil.
func late(ctx context.Context, last error, addr string, m *secret.Masker) *Error {
	e := &Error{cause: ctx.Err(), message: "ngrok did not answer in time"}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.message = "opening the ngrok endpoint was cancelled"
	}
	if last == nil {
		e.message += fmt.Sprintf(" (%s)", addr)
		e.hint = "is there a network, and does it let TLS connections to that address through?"
		return e
	}
	f := failure(last, addr, m)
	e.message += ": last error: " + f.message
	e.hint, e.code = f.hint, f.code
	e.cause = errors.Join(ctx.Err(), f.cause)
	return e
}
