package store

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Intent is a task that is about to be sent.
type Intent struct {
	Source  string          // the command that sends it
	Cloud   string          // address of the API
	Machine string          // host name of the machine that sends it
	Prompt  string          // as it was written
	Body    json.RawMessage // the request, its secrets masked
	Ticket  webhook.Ticket  // zero: no callback comes to this machine
	At      time.Time
	Item    Item // the line of a batch that it is of; zero: none

	// What Body says, which IntentOf reads.
	Agent        string
	CloudSession string
	Parent       string
}

// IntentOf returns the intent with what is to be known of its request: the body, with
// its secrets masked, and the agent, the cloud session and the parent task in it.
func IntentOf(request *narada.Request, i Intent) Intent {
	if body, err := request.Masked().MarshalJSON(); err == nil { // else it will not be sent either
		i.Body = body
	}
	i.Agent = agentOf(request.Prompt)
	i.CloudSession = request.CloudBrowserSessionID
	i.Parent = request.PreviousRequestID
	return i
}

// agentOf is the name of the agent that a prompt is for, which starts with its prefix.
func agentOf(prompt string) string {
	text, prefixed := strings.CutPrefix(prompt, "/")
	name, _, _ := strings.Cut(text, " ")
	if !prefixed || name == "" || strings.ContainsAny(name, "\t\r\n") {
		return "generalist"
	}
	builtIn := map[string]string{"Operator": "operator", "OperatorMini": "operator-mini", "coreAgent": "core", "CoreAgentMini": "core-mini"}
	return cmp.Or(builtIn[name], name)
}
