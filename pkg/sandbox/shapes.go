package sandbox

import (
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// The JSON bodies, in the order of the cloud's documentation.
type (
	// statusAnswer answers a status call.
	statusAnswer struct {
		Status          narada.Status      `json:"status"`
		Response        *response          `json:"response"`
		CreatedAt       webhook.Timestamp  `json:"createdAt"`
		CompletedAt     *webhook.Timestamp `json:"completedAt"`
		Usage           *webhook.Usage     `json:"usage"`
		HumanInput      *humanInput        `json:"hitlInputMetadata"`
		BrowserWindowID *string            `json:"browserWindowId"`
	}
	response struct {
		Text   string        `json:"text"`
		Output narada.Output `json:"output"`
	}

	// startedSession answers the call that starts a session with a window, bareSession
	// the call that starts a session without one.
	startedSession struct {
		ID       string  `json:"session_id"`
		Name     *string `json:"session_name"`
		WindowID string  `json:"browser_window_id"`
	}
	bareSession struct {
		ID         string            `json:"session_id"`
		CDPURL     string            `json:"cdp_websocket_url"`
		LoginURL   string            `json:"login_url"`
		CDPHeaders map[string]string `json:"cdp_auth_headers"`
	}
	stoppedSession struct {
		Success bool   `json:"success"`
		Message string `json:"message,omitempty"`
	}
	downloadShape struct {
		Key  string `json:"key"`
		Name string `json:"file_name"`
		Size int    `json:"size"` // bytes
	}

	humanInput struct {
		InputID string `json:"inputId"`
		Action  action `json:"action"`
	}
	action struct {
		Name         string     `json:"name"`
		StepID       string     `json:"step_id"`
		Message      string     `json:"prompt_message"`
		Variables    []variable `json:"variables,omitempty"`
		ApproveLabel string     `json:"approve_label,omitempty"`
		RejectLabel  string     `json:"reject_label,omitempty"`
	}
	variable struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Required bool   `json:"required"`
	}
)

// The actions of a request for human input.
const (
	actionPrompt   = "prompt_for_user_input"
	actionApproval = "user_approval"
)

func newHumanInput(id string, h *human) *humanInput {
	a := action{Name: h.Action, StepID: "step_1", Message: h.Message}
	if h.Action == actionApproval {
		a.ApproveLabel, a.RejectLabel = "Approve", "Reject"
	} else {
		a.Variables = []variable{{Name: "answer", Type: "string", Required: true}}
	}
	return &humanInput{InputID: id, Action: a}
}

// encode returns v as compact JSON.
func encode(v any) []byte {
	doc, err := narada.EncodeJSON(v)
	if err != nil {
		panic(err) // all bodies can be encoded
	}
	return doc
}
