package history

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

// TaskDocument is the JSON document of a task. Unknown values are null.
type TaskDocument struct {
	RequestID    *string       `json:"requestId"`
	Number       int64         `json:"number"`
	Status       narada.Status `json:"status"`
	Prompt       string        `json:"prompt"`
	Source       string        `json:"source"`
	Machine      *string       `json:"machine"`
	BaseURL      *string       `json:"baseUrl"`
	DispatchedAt time.Time     `json:"dispatchedAt"`
	FinishedAt   *time.Time    `json:"finishedAt"`
	DurationMS   *int64        `json:"durationMs"`
	Delivery     *string       `json:"delivery"`
	Forwarded    *string       `json:"forwarded"`
}

// NewTaskDocument returns the document of a task.
func NewTaskDocument(t store.Task) TaskDocument {
	return TaskDocument{
		RequestID: known(t.RequestID), Number: t.Number, Status: t.Status, Prompt: t.Prompt, Source: t.Source, Machine: known(t.Machine), BaseURL: known(t.Cloud),
		DispatchedAt: t.DispatchedAt, FinishedAt: known(t.FinishedAt), DurationMS: known(t.Took.Milliseconds()),
		Delivery: known(t.Way), Forwarded: known(string(t.Forwarded)),
	}
}

// known returns nil for a zero value.
func known[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}

// Document is the JSON document of all that is stored of a task.
type Document struct {
	TaskDocument
	Request   json.RawMessage    `json:"request"`
	Result    json.RawMessage    `json:"result"`
	Callbacks []CallbackDocument `json:"callbacks"`
	Refused   []RefusalDocument  `json:"refused"`
}

// CallbackDocument is a callback that was accepted.
type CallbackDocument struct {
	ReceivedAt time.Time         `json:"receivedAt"`
	Verdict    string            `json:"verdict"` // Accepted
	Kind       Kind              `json:"kind"`
	Headers    http.Header       `json:"headers"`
	Body       json.RawMessage   `json:"body"` // the secret is masked
	Forwards   []ForwardDocument `json:"forwards"`
}

// Accepted is the verdict on a callback that was accepted.
const Accepted = "accepted"

// ForwardDocument is the forwarding of a callback to a target.
type ForwardDocument struct {
	Target     string     `json:"target"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	StatusCode *int       `json:"statusCode"`
	Error      *string    `json:"error"`
	EndedAt    *time.Time `json:"endedAt"`
}

// RefusalDocument is a callback that was refused.
type RefusalDocument struct {
	ReceivedAt time.Time   `json:"receivedAt"`
	Verdict    string      `json:"verdict"` // the reason
	StatusCode int         `json:"statusCode"`
	Size       int64       `json:"size"`
	Headers    http.Header `json:"headers"`
}

// NewRefusalDocument returns the document of a refused callback.
func NewRefusalDocument(r store.Refusal) RefusalDocument {
	return RefusalDocument{r.ReceivedAt, r.Reason, r.StatusCode, r.Size, r.Header}
}

// Document returns the JSON document of the detail.
func (d Detail) Document() Document {
	doc := Document{TaskDocument: NewTaskDocument(d.Task), Request: d.Request, Callbacks: []CallbackDocument{}, Refused: []RefusalDocument{}}
	if d.Result != nil {
		doc.Result = d.Result.Raw()
	}
	for _, c := range d.Callbacks {
		forwards := []ForwardDocument{}
		for _, f := range c.Forwards {
			forwards = append(forwards, ForwardDocument{secret.MaskURLs(f.Target), string(f.State), f.Attempts, known(f.StatusCode), known(f.Failure), known(f.EndedAt)})
		}
		doc.Callbacks = append(doc.Callbacks, CallbackDocument{c.ReceivedAt, Accepted, c.Kind, c.Header, c.Body, forwards})
	}
	for _, r := range d.Refusals {
		doc.Refused = append(doc.Refused, NewRefusalDocument(r))
	}
	return doc
}
