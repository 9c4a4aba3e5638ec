package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// Rules define how tasks end, by their prompts, and which calls fail. They are
// written in YAML; docs/sandbox.md has an example with every field.
type Rules struct {
	delay  *duration
	list   []rule
	faults map[string]*fault // of calls that are for no prompt, by the names below
}

// The names of these faults.
const (
	faultPresign  = "presign"
	faultUpload   = "upload"
	faultStart    = "startSession"
	faultStop     = "stopSession"
	faultDownload = "download"
)

// rule defines how the tasks of some prompts end.
type rule struct {
	Match            string         `yaml:"match"` // "": every prompt
	Delay            *duration      `yaml:"delay"`
	Status           narada.Status  `yaml:"status"`
	Text             *string        `yaml:"text"`
	StructuredOutput yaml.Node      `yaml:"structuredOutput"`
	Usage            yaml.Node      `yaml:"usage"`
	HumanInput       *human         `yaml:"humanInput"`
	Downloads        []downloadRule `yaml:"downloads"` // nil: one by default
	Faults           struct {
		Dispatch    *fault         `yaml:"dispatch"`
		AnswerLost  *fault         `yaml:"answerLost"`
		StatusCalls *fault         `yaml:"statusCalls"`
		Callback    callbackFaults `yaml:"callback"`
	} `yaml:"faults"`

	match      *regexp.Regexp // nil: every prompt
	structured json.RawMessage
	usage      *webhook.Usage
}

// downloadRule is a file that a task leaves in its session.
type downloadRule struct {
	Name string `yaml:"name"`
	Text string `yaml:"text"`
}

// human is a time in which the task waits for a person.
type human struct {
	For      duration `yaml:"for"`
	Action   string   `yaml:"action"`
	Message  string   `yaml:"message"`
	Callback bool     `yaml:"callback"`
}

// fault is an error answer that replaces the answer of a call.
type fault struct {
	Cut        bool    `yaml:"cut"` // close the connection without an answer
	Status     int     `yaml:"status"`
	Times      *int    `yaml:"times"`
	Each       bool    `yaml:"each"`       // count Times for each prompt
	RetryAfter *int    `yaml:"retryAfter"` // seconds
	Body       *string `yaml:"body"`
}

type callbackFaults struct {
	Lost      bool     `yaml:"lost"`
	Forged    bool     `yaml:"forged"`
	Malformed bool     `yaml:"malformed"`
	Late      duration `yaml:"late"`
	Repeated  int      `yaml:"repeated"`
}

// defaultUsage is the usage of a task whose rule has none.
func defaultUsage() *webhook.Usage { return &webhook.Usage{Actions: 2, Credits: 0.5} }

// find returns the rule for a prompt and its index, or the default rule and -1.
func (r *Rules) find(prompt string) (*rule, int) {
	for i := range r.list {
		if m := r.list[i].match; m == nil || m.MatchString(prompt) {
			return &r.list[i], i
		}
	}
	return &rule{Status: narada.StatusSuccess, usage: defaultUsage()}, -1
}

// check validates the rule and sets the defaults.
func (r *rule) check() (err error) {
	if r.Match != "" {
		if r.match, err = regexp.Compile(r.Match); err != nil {
			return fmt.Errorf("match: %w", err)
		}
	}
	switch r.Status {
	case "":
		r.Status = narada.StatusSuccess
	case narada.StatusSuccess, narada.StatusError, narada.StatusInputRequired:
	default:
		return fmt.Errorf("status: %q is not one of success, error, input-required", r.Status)
	}
	if !r.StructuredOutput.IsZero() {
		if r.structured, err = yamljson.Encode(&r.StructuredOutput); err != nil {
			return fmt.Errorf("structuredOutput: %w", err)
		}
	}
	if r.usage, err = parseUsage(&r.Usage); err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	if err = r.HumanInput.check(); err != nil {
		return fmt.Errorf("humanInput: %w", err)
	}
	f := &r.Faults
	if f.AnswerLost != nil && f.AnswerLost.Status == 0 {
		f.AnswerLost.Cut = true
	}
	for name, f := range map[string]*fault{"dispatch": f.Dispatch, "answerLost": f.AnswerLost, "statusCalls": f.StatusCalls} {
		if err := f.check(); err != nil {
			return fmt.Errorf("faults.%s: %w", name, err)
		}
	}
	if n := f.Callback.Repeated; n < 0 || n > maxRepeated {
		return fmt.Errorf("faults.callback.repeated: %d is not between 0 and %d", n, maxRepeated)
	}
	return nil
}

func (h *human) check() error {
	switch {
	case h == nil:
		return nil
	case h.For <= 0:
		return errors.New("for: must be more than 0s")
	case h.Action == "":
		h.Action = actionPrompt
	case h.Action != actionPrompt && h.Action != actionApproval:
		return fmt.Errorf("action: %q is not one of %s, %s", h.Action, actionPrompt, actionApproval)
	}
	if h.Message == "" {
		h.Message = "The sandbox asks a person."
	}
	return nil
}

func (f *fault) check() error {
	if f == nil {
		return nil
	}
	if f.Times == nil {
		f.Times = new(1)
	}
	switch {
	case f.Cut && (f.Status != 0 || f.RetryAfter != nil || f.Body != nil):
		return errors.New("a cut connection has no status, retryAfter or body")
	case !f.Cut && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status: %d is not between 200 and 599", f.Status)
	case *f.Times < 1 || *f.Times > maxTimes:
		return fmt.Errorf("times: %d is not between 1 and %d", *f.Times, maxTimes)
	case f.RetryAfter != nil && *f.RetryAfter < 0:
		return fmt.Errorf("retryAfter: %d is not a number of seconds", *f.RetryAfter)
	}
	return nil
}

// duration is a time.Duration in Go's notation.
type duration time.Duration
