package store

import (
	"encoding/json"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Intent is a task that is about to be sent.
type Intent struct {
	Source  string          // the command that sends it, such as SourceTrigger
	Cloud   string          // address of the API
	Machine string          // host name of the machine that sends it
	Prompt  string          // as written
	Body    json.RawMessage // the request, its secrets masked
	Ticket  webhook.Ticket  // zero: no callback to this machine
	At      time.Time
	Item    Item // its line in a batch; zero: none

	// From the request, by IntentOf.
	Agent        string
	CloudSession string
	Parent       string
}

// IntentOf returns the intent with the fields that come from its request: the masked body,
// the agent, the cloud session and the parent task.
func IntentOf(request *narada.Request, i Intent) Intent {
	if body, err := request.Masked().MarshalJSON(); err == nil { // otherwise it cannot be sent either
		i.Body = body
	}
	i.Agent, _ = narada.PromptAgent(request.Prompt)
	i.CloudSession = request.CloudBrowserSessionID
	i.Parent = request.PreviousRequestID
	return i
}
