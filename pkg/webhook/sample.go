package webhook

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Callback is the body of a callback, for programs that send one: to test an endpoint, or
// in place of the cloud. Its members are in the order of Narada's documentation. To read a
// callback, use Verify.
type Callback struct {
	RequestID       string        `json:"requestId"`
	Secret          *string       `json:"secret"` // nil is null
	Status          narada.Status `json:"status"`
	BrowserWindowID *string       `json:"browserWindowId"`
	Response        Response      `json:"response"`
	CreatedAt       Timestamp     `json:"createdAt"`
	CompletedAt     *Timestamp    `json:"completedAt"`
	Usage           *Usage        `json:"usage"`

	// HumanInput is what a person is asked; nil is omitted.
	HumanInput json.RawMessage `json:"hitlInputMetadata,omitempty"`
}

// Response is the outcome of a task in a callback.
type Response struct {
	Text             string          `json:"text"`
	StructuredOutput json.RawMessage `json:"structuredOutput,omitempty"`
}

// Usage is what a task used.
type Usage struct {
	Actions int     `json:"actions"` // steps in the browser
	Credits float64 `json:"credits"` // may be fractional
}

// Timestamp is a time that is written as the cloud does: with microseconds and an
// offset.
type Timestamp time.Time

// MarshalJSON implements json.Marshaler.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.000000-07:00"`)), nil
}

// Body returns the callback as compact JSON without escapes for HTML. It is an error if
// StructuredOutput or HumanInput is not valid JSON.
func (c Callback) Body() ([]byte, error) { return narada.EncodeJSON(c) }

// sample is a documented example.
type sample struct {
	event  string
	status narada.Status
	text   string
	data   string
	took   time.Duration
	usage  Usage
}

// samples are the four examples in Narada's documentation of callbacks.
var samples = [...]sample{
	{"success", narada.StatusSuccess, "Found 1,234 software engineering job listings in the search results.", "", 45 * time.Second, Usage{12, 5}},
	{"error", narada.StatusError, "Failed to complete the task due to network timeout.", "", 150 * time.Second, Usage{8, 3}},
	{"input-required", narada.StatusInputRequired, "The task requires authentication. Please log in to continue.", "", 15 * time.Second, Usage{3, 1}},
	{"structured", narada.StatusSuccess, "Successfully extracted job information.",
		`{"title":"Senior Software Engineer","company":"TechCorp Inc.","location":"San Francisco, CA","salary":"$150,000 - $200,000","remote":true}`, 52 * time.Second, Usage{15, 6}},
}

// SampleEvents returns the events of Sample: success, error, input-required and
// structured.
func SampleEvents() []string {
	names := make([]string, len(samples))
	for i, s := range samples {
		names[i] = s.event
	}
	return names
}

// Sample returns the callback that Narada's documentation shows for an event, of a task
// that finished at now. It has a random request ID that begins with req_, and no secret.
// random must be a cryptographic source, such as crypto/rand.Reader.
func Sample(event string, random io.Reader, now time.Time) (Callback, error) {
	i := slices.IndexFunc(samples[:], func(s sample) bool { return s.event == event })
	if i < 0 {
		return Callback{}, fmt.Errorf("unknown event %q: expected %s", event, strings.Join(SampleEvents(), ", "))
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
