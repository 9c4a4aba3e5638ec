package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Callback is the body of a callback, for programs that send some: to try an
// endpoint, or in place of the cloud. The members stand in the order of the cloud's
// documentation.
type Callback struct {
	RequestID       string        `json:"requestId"`
	Secret          *string       `json:"secret"` // nil is null
	Status          narada.Status `json:"status"`
	BrowserWindowID *string       `json:"browserWindowId"`
	Response        Response      `json:"response"`
	CreatedAt       Timestamp     `json:"createdAt"`
	CompletedAt     *Timestamp    `json:"completedAt"`
	Usage           *Usage        `json:"usage"`

	// HumanInput is what a person is asked for, nil when none is: then it is left out.
	HumanInput json.RawMessage `json:"hitlInputMetadata,omitempty"`
}

// Response is the answer of an agent in a callback.
type Response struct {
	Text             string          `json:"text"`
	StructuredOutput json.RawMessage `json:"structuredOutput,omitempty"`
}

// Usage is what a task has used.
type Usage struct {
	Actions int     `json:"actions"` // steps in the browser
	Credits float64 `json:"credits"` // can be fractional
}

// Timestamp is a time as the cloud writes it: microseconds and an offset.
type Timestamp time.Time

// MarshalJSON implements json.Marshaler.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.000000-07:00"`)), nil
}

// Body writes the callback as compact JSON, without the escapes that are there for
// HTML. The error says that StructuredOutput or HumanInput is no JSON.
func (c Callback) Body() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// sample is what one of the documented examples tells.
type sample struct {
	event  string
	status narada.Status
	text   string
	data   string
	took   time.Duration
	usage  Usage
}

// samples are the four examples of the cloud's documentation of callbacks.
var samples = [...]sample{
	{"success", narada.StatusSuccess, "Found 1,234 software engineering job listings in the search results.", "", 45 * time.Second, Usage{12, 5}},
	{"error", narada.StatusError, "Failed to complete the task due to network timeout.", "", 150 * time.Second, Usage{8, 3}},
	{"input-required", narada.StatusInputRequired, "The task requires authentication. Please log in to continue.", "", 15 * time.Second, Usage{3, 1}},
	{"structured", narada.StatusSuccess, "Successfully extracted job information.",
		`{"title":"Senior Software Engineer","company":"TechCorp Inc.","location":"San Francisco, CA","salary":"$150,000 - $200,000","remote":true}`, 52 * time.Second, Usage{15, 6}},
}

// SampleEvents are the events that Sample knows: success, error, input-required and
// structured.
func SampleEvents() []string {
	names := make([]string, len(samples))
	for i, s := range samples {
		names[i] = s.event
	}
	return names
}

// Sample returns the callback that the cloud's documentation shows for an event, as
// of a task that has just finished: it has a random request ID that begins with
// req_, and no secret. random must be a cryptographic source.
func Sample(event string, random io.Reader, now time.Time) (Callback, error) {
	i := slices.IndexFunc(samples[:], func(s sample) bool { return s.event == event })
	if i < 0 {
		return Callback{}, fmt.Errorf("there is no sample %q: they are %s", event, strings.Join(SampleEvents(), ", "))
	}
	s := samples[i]
	id := make([]byte, 12)
	if _, err := io.ReadFull(random, id); err != nil {
		return Callback{}, fmt.Errorf("request ID: %w", err)
	}
	window := "window_xyz789"
	completed := Timestamp(now)
	c := Callback{
		RequestID: "req_" + base64.RawURLEncoding.EncodeToString(id), Status: s.status, BrowserWindowID: &window,
		Response:  Response{Text: s.text},
		CreatedAt: Timestamp(now.Add(-s.took)), CompletedAt: &completed, Usage: &s.usage,
	}
	if s.data != "" {
		c.Response.StructuredOutput = json.RawMessage(s.data)
	}
	return c, nil
}
