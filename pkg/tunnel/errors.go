package tunnel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A UsageError is an invalid configuration, found before anything was opened.
type UsageError struct {
	message, hint string
}

func (e *UsageError) Error() string { return e.message }

// Hint returns what to do, or "".
func (e *UsageError) Hint() string { return e.hint }

// An Error is why an endpoint could not be opened, was lost or was stopped, in one
// line. Neither it nor its cause contains the authtoken.
type Error struct {
	message, hint, code string
	cause               error
}

func (e *Error) Error() string { return e.message }

// Hint returns what to do, or "".
func (e *Error) Hint() string { return e.hint }

// Code returns ngrok's code, such as "ERR_NGROK_105", or "" when the error is
// not ngrok's. https://ngrok.com/docs/errors explains the codes.
func (e *Error) Code() string { return e.code }

// Unwrap returns the cause, such as a *net.OpError or the context's error, or
// nil.
func (e *Error) Unwrap() error { return e.cause }

// masked returns err, or, if its text has a secret in it, an error with the masked
// text alone.
func (s *session) masked(err error) error {
	if text := err.Error(); s.mask.Mask(text) != text {
		return errors.New(s.mask.Mask(text))
	}
	return err
}

// codeOf returns ngrok's code in err or "". The library has several types of
// errors, all of which have the code in their text, some as a link to its page.
func codeOf(err error) string {
	return strings.ToUpper(regexp.MustCompile(`(?i)ERR_NGROK_\d+`).FindString(err.Error()))
}

// explanation says what is wrong, and what to do.
type explanation struct{ message, hint string }

// refusals explains ngrok's codes.
var refusals = map[string]explanation{
	"ERR_NGROK_105":  {"ngrok refused the authtoken: it is malformed", "copy it again from " + tokens},
	"ERR_NGROK_107":  {"ngrok refused the authtoken: it is revoked or was reset", "copy the current one from " + tokens},
	"ERR_NGROK_108":  {"ngrok refused the connection: the plan's limit of agent sessions is reached", "stop one (https://dashboard.ngrok.com/agents), or use another account or plan"},
	"ERR_NGROK_334":  {"ngrok refused the endpoint: its URL is already online", "stop the other endpoint (https://dashboard.ngrok.com/endpoints), or choose another domain; the free plan has only one"},
	"ERR_NGROK_4018": {"ngrok refused the connection: it needs a verified account and an authtoken", "get a token at " + tokens + " and set NGROK_AUTHTOKEN"},
	"ERR_NGROK_725":  planLimit,
	"ERR_NGROK_727":  planLimit,
	"ERR_NGROK_734":  planLimit,
}

var planLimit = explanation{"ngrok refused the endpoint: a limit of the account's plan is reached", "see https://dashboard.ngrok.com/usage"}

// tokens is the page of ngrok's dashboard that has the authtoken.
const tokens = "https://dashboard.ngrok.com/get-started/your-authtoken"

// refusal explains an error that has a code of ngrok's.
func (s *session) refusal(err error, code string) *Error {
	known, ok := refusals[code]
	if !ok {
		known.message, known.hint = "ngrok refused: "+s.oneLine(err), "see "+docs+strings.ToLower(code)
	}
	return &Error{code: code, cause: s.masked(err), message: known.message + " (" + code + ")", hint: known.hint}
}

// docs has a page for each of ngrok's codes.
const docs = "https://ngrok.com/docs/errors/"

// prefixes are the steps of ngrok's library that its texts start with.
var prefixes = []string{"authentication failed: ", "failed to send authentication request: ", "failed to start tunnel: ", "failed to accept connection: "}

// oneLine makes one masked line of ngrok's text, which has several, ends with the
// code or a link to its page, and starts with the library's own steps.
func (s *session) oneLine(err error) string {
	code := codeOf(err)
	var kept []string
	for line := range strings.Lines(s.mask.Mask(err.Error())) {
		line = strings.TrimSpace(line)
		if line != "" && line != code && !strings.HasPrefix(line, docs) {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, " ")
	for _, step := range prefixes {
		text = strings.TrimPrefix(text, step)
	}
	const maxLength = 300
	if r := []rune(text); len(r) > maxLength {
		text = string(r[:maxLength]) + "..."
	}
	return cmp.Or(text, "no reason given")
}

// failure explains any error of reaching the service.
func (s *session) failure(err error) *Error {
	if code := codeOf(err); code != "" {
		return s.refusal(err, code)
	}
	e := &Error{cause: s.masked(err)}
	if proxied, ok := errors.AsType[*proxyError](err); ok {
		e.message = fmt.Sprintf("cannot reach ngrok (%s): %s", s.addr, s.mask.Mask(proxied.Error()))
		e.hint = "check the proxy's address and password, and whether it allows connections to ngrok"
		return e
	}
	text := s.oneLine(err)
	if isUntrusted(err) {
		e.message = fmt.Sprintf("cannot trust ngrok's certificate (%s): %s", s.addr, text)
		e.hint = "a proxy or firewall replaces certificates: specify its CA as ngrok's connect CAs"
		return e
	}
	if _, inner, ok := strings.Cut(text, "failed to dial ngrok server with address \""+s.addr+"\": "); ok {
		text = inner
	}
	e.message = fmt.Sprintf("cannot reach ngrok (%s): %s", s.addr, text)
	e.hint = checkNetwork + "; the proxy is read from HTTPS_PROXY"
	return e
}

const checkNetwork = "check that there is a network, and that it allows TLS connections to that address"

// timedOut explains that ctx ended before the endpoint was open.
func (s *session) timedOut(ctx context.Context) *Error {
	e := &Error{cause: ctx.Err(), message: "ngrok did not answer in time"}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.message = "opening the ngrok endpoint was cancelled"
	}
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if last == nil {
		e.message += fmt.Sprintf(" (%s)", s.addr)
		e.hint = checkNetwork
		return e
	}
	f := s.failure(last)
	e.message += ": last error: " + f.message
	e.hint, e.code = f.hint, f.code
	e.cause = errors.Join(ctx.Err(), f.cause)
	return e
}
