package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
)

// answer is the answer to a call.
type answer struct {
	status    int
	body      []byte // JSON, unless a fault replaces it
	header    http.Header
	cut       bool   // close the connection without an answer
	requestID string // for the event
	fault     string // for the event
}

// ServeHTTP implements http.Handler. It panics with http.ErrAbortHandler to cut a
// connection.
func (c *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	a := c.answer(w, r)
	if a.cut {
		a.status = 0
	}
	c.options.Observe(Event{
		Kind: EventRequest, RequestID: a.requestID, Method: r.Method, Path: r.URL.Path,
		StatusCode: a.status, Duration: time.Since(start), Fault: a.fault,
	})
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	maps.Copy(header, a.header)
	if header.Get("Content-Type") == "" && len(a.body) > 0 {
		header.Set("Content-Type", "application/json")
	}
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}

// answer routes a request.
func (c *Server) answer(w http.ResponseWriter, r *http.Request) answer {
	if host := (&url.URL{Host: r.Host}).Hostname(); !narada.IsLoopback(host) {
		return detail(http.StatusMisdirectedRequest, fmt.Sprintf("The sandbox accepts loopback hosts only, not %.100q", host))
	}
	call, known := c.route(strings.TrimPrefix(r.URL.Path, basePath))
	if !known {
		return detail(http.StatusNotFound, "Not Found")
	}
	if call.count != nil {
		defer c.count(call.count)
	}
	if r.Method != call.method {
		a := detail(http.StatusMethodNotAllowed, "Method Not Allowed")
		a.header = http.Header{"Allow": {call.method}}
		return a
	}
	if !call.open && !c.authorized(r.Header.Get("x-api-key")) {
		return detail(http.StatusUnauthorized, "Invalid API key")
	}
	if f := c.options.Rules.faults[call.fault]; c.take(noRule, call.fault, "", f) {
		return f.answer(call.fault + " failed")
	}
	return call.serve(w, r)
}

// config answers GET /sdk/config.
func (c *Server) config(http.ResponseWriter, *http.Request) answer {
	return success(map[string]any{"packages": map[string]any{
		"narada":         map[string]string{"min_required_version": "0.0.1"},
		"narada-pyodide": map[string]string{"min_required_version": "0.0.1"},
	}})
}

func (c *Server) authorized(key string) bool {
	if c.options.APIKey == "" {
		return key != ""
	}
	return secret.New(key).Equal(secret.New(c.options.APIKey))
}

// dispatch answers POST /remote-dispatch.
func (c *Server) dispatch(w http.ResponseWriter, r *http.Request) answer {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return detail(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d MiB", maxBody>>20))
	}
	if err != nil {
		return detail(http.StatusBadRequest, "The body could not be read")
	}
	if !declaresJSON(r.Header) {
		return invalid([]problem{{"model_attributes_type", []any{"body"},
			"Input should be a valid dictionary or object to extract fields from: the Content-Type is not application/json"}})
	}
	d, problems := c.parseDispatch(body)
	if len(problems) > 0 {
		return invalid(problems)
	}
	if c.gone(d.sessionID) {
		return detail(http.StatusNotFound, "Session not found: it has ended")
	}
	rule, number := c.options.Rules.find(d.prompt)
	structured := rule.structured
	if structured == nil && d.schema != nil && rule.Status == narada.StatusSuccess {
		if structured, err = sample(d.schema); err != nil {
			return invalid([]problem{{"value_error", []any{"body", "responseFormat", "jsonSchema"},
				"Value error, " + err.Error() + "; give structuredOutput in a rule"}})
		}
	}
	if c.take(number, "dispatch", d.prompt, rule.Faults.Dispatch) {
		return rule.Faults.Dispatch.answer("dispatch refused")
	}
	t := &task{dispatch: d, body: body, rule: rule, ruleNumber: number, structured: structured}
	if refused, ok := c.start(t); !ok {
		return refused
	}
	if c.take(number, "answerLost", d.prompt, rule.Faults.AnswerLost) {
		a := rule.Faults.AnswerLost.answer("answer lost")
		a.requestID = t.id
		return a
	}
	return answer{status: http.StatusAccepted, requestID: t.id, body: encode(map[string]string{"requestId": t.id})}
}

// sample generates data for a JSON Schema.
func sample(doc []byte) (json.RawMessage, error) {
	compiled, err := schema.Compile(doc)
	if err != nil {
		return nil, err
	}
	return compiled.Sample()
}

// status answers GET /remote-dispatch/responses/{id}.
func (c *Server) status(id string) answer {
	c.mu.Lock()
	t := c.byID[id]
	c.mu.Unlock()
	if t == nil {
		return detail(http.StatusNotFound, "Request not found")
	}
	var a answer
	if c.take(t.ruleNumber, "statusCalls", t.prompt, t.rule.Faults.StatusCalls) {
		a = t.rule.Faults.StatusCalls.answer("status call failed")
	} else {
		c.mu.Lock()
		a = success(t.statusAnswer())
		c.mu.Unlock()
	}
	a.requestID = id
	return a
}

// answer returns the answer that replaces that of a call.
func (f *fault) answer(name string) answer {
	if f.Cut {
		return answer{cut: true, fault: name + ": connection cut"}
	}
	a := detail(f.Status, http.StatusText(f.Status))
	a.fault = name
	a.header = make(http.Header)
	if f.Body != nil {
		a.body = []byte(*f.Body)
		if !json.Valid(a.body) {
			a.header.Set("Content-Type", "text/plain; charset=utf-8")
		}
	}
	if f.RetryAfter != nil {
		a.header.Set("Retry-After", strconv.Itoa(*f.RetryAfter))
	}
	return a
}

// success returns the answer of a successful call.
func success(v any) answer { return answer{status: http.StatusOK, body: encode(v)} }

// detail returns an error in the format of FastAPI.
func detail(status int, text string) answer {
	return answer{status: status, body: encode(map[string]string{"detail": text})}
}

func invalid(problems []problem) answer {
	return answer{status: http.StatusUnprocessableEntity, body: encode(map[string]any{"detail": problems})}
}

func declaresJSON(header http.Header) bool {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}
