package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/webhook"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// The limits of rules.
const (
	maxRules    = 1 << 20 // bytes
	maxDuration = 24 * time.Hour
	maxTimes    = 1_000_000_000
	maxRepeated = 1000
)

// The document as it is written. Rules has what it means.
type (
	document struct {
		Delay  *duration `yaml:"delay"`
		Rules  []ruleDoc `yaml:"rules"`
		Faults struct {
			Presign  *faultDoc `yaml:"presign"`
			Upload   *faultDoc `yaml:"upload"`
			Start    *faultDoc `yaml:"startSession"`
			Stop     *faultDoc `yaml:"stopSession"`
			Download *faultDoc `yaml:"download"`
		} `yaml:"faults"`
	}
	ruleDoc struct {
		Match            string    `yaml:"match"`
		Delay            *duration `yaml:"delay"`
		Status           string    `yaml:"status"`
		Text             *string   `yaml:"text"`
		StructuredOutput yaml.Node `yaml:"structuredOutput"`
		Usage            yaml.Node `yaml:"usage"`
		HumanInput       *humanDoc `yaml:"humanInput"`
		Downloads        []struct {
			Name string `yaml:"name"`
			Text string `yaml:"text"`
		} `yaml:"downloads"`
		Faults struct {
			Dispatch    *faultDoc `yaml:"dispatch"`
			AnswerLost  *faultDoc `yaml:"answerLost"`
			StatusCalls *faultDoc `yaml:"statusCalls"`
			Callback    struct {
				Lost      bool     `yaml:"lost"`
				Forged    bool     `yaml:"forged"`
				Malformed bool     `yaml:"malformed"`
				Late      duration `yaml:"late"`
				Repeated  int      `yaml:"repeated"`
			} `yaml:"callback"`
		} `yaml:"faults"`
	}
	humanDoc struct {
		For      duration `yaml:"for"`
		Action   string   `yaml:"action"`
		Message  string   `yaml:"message"`
		Callback bool     `yaml:"callback"`
	}
	faultDoc struct {
		Cut        bool    `yaml:"cut"`
		Status     int     `yaml:"status"`
		Times      *int    `yaml:"times"`
		Each       bool    `yaml:"each"`
		RetryAfter *int    `yaml:"retryAfter"`
		Body       *string `yaml:"body"`
	}
)

// ParseRules reads rules of up to 1 MiB; an empty document is no rules. A field
// that it does not know is an error with its line, and so is a YAML alias or
// anchor.
func ParseRules(doc []byte) (*Rules, error) {
	if len(doc) > maxRules {
		return nil, fmt.Errorf("the rules are larger than %d MiB", maxRules>>20)
	}
	root, err := yamljson.Parse(doc)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(doc))
	dec.KnownFields(true)
	var d document
	if err := dec.Decode(&d); err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlError(err)
	}
	rules := &Rules{}
	if d.Delay != nil {
		delay := time.Duration(*d.Delay)
		rules.delay = &delay
	}
	for i := range d.Rules {
		r, err := d.Rules[i].rule()
		if err != nil {
			return nil, fmt.Errorf("rules: rule %d%s: %w", i+1, lineOfRule(root, i), err)
		}
		rules.list = append(rules.list, r)
	}
	return rules, d.callFaults(rules)
}

// callFaults reads the faults of calls that are for no prompt.
func (d *document) callFaults(rules *Rules) error {
	rules.faults = make(map[string]*fault)
	for name, doc := range map[string]*faultDoc{
		faultPresign: d.Faults.Presign, faultUpload: d.Faults.Upload, faultStart: d.Faults.Start,
		faultStop: d.Faults.Stop, faultDownload: d.Faults.Download,
	} {
		f, err := doc.fault(false)
		if err != nil {
			return fmt.Errorf("rules: faults.%s: %w", name, err)
		}
		if f != nil && !f.cut && f.body == nil && (name == faultUpload || name == faultDownload) {
			body := string(storageAnswer(f.status, storageCode(f.status), http.StatusText(f.status)).body)
			f.body = &body
		}
		rules.faults[name] = f
	}
	return nil
}

// storageCode is S3's word for a status.
func storageCode(status int) string {
	switch status {
	case http.StatusForbidden:
		return "AccessDenied"
	case http.StatusServiceUnavailable:
		return "SlowDown"
	case http.StatusInternalServerError:
		return "InternalError"
	}
	return "SandboxFault"
}

// lineOfRule words where a rule begins, "" when that cannot be told.
func lineOfRule(root *yaml.Node, i int) string {
	if root == nil {
		return ""
	}
	top := root.Content
	for k := 0; k+1 < len(top); k += 2 {
		if top[k].Value == "rules" && i < len(top[k+1].Content) {
			return fmt.Sprintf(" (line %d)", top[k+1].Content[i].Line)
		}
	}
	return ""
}

// yamlError takes the names of Go's types out of the decoder's messages.
func yamlError(err error) error {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return fmt.Errorf("rules: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var lines []string
	for _, line := range wrong.Errors {
		if at, name, ok := strings.Cut(line, ": field "); ok {
			name, _, _ = strings.Cut(name, " ")
			line = fmt.Sprintf("%s: unknown field %q", at, name)
		}
		line = strings.ReplaceAll(line, "sandbox.", "")
		lines = append(lines, line)
	}
	return fmt.Errorf("rules: %s", strings.Join(lines, "; "))
}

func (d *ruleDoc) rule() (r rule, err error) {
	if d.Match != "" {
		if r.match, err = regexp.Compile(d.Match); err != nil {
			return r, fmt.Errorf("match: %w", err)
		}
	}
	switch r.status = narada.Status(d.Status); r.status {
	case "":
		r.status = narada.StatusSuccess
	case narada.StatusSuccess, narada.StatusError, narada.StatusInputRequired:
	default:
		return r, fmt.Errorf("status: %q is not one of success, error, input-required", d.Status)
	}
	if d.Delay != nil {
		delay := time.Duration(*d.Delay)
		r.delay = &delay
	}
	r.text = d.Text
	if !d.StructuredOutput.IsZero() {
		if r.structured, err = yamljson.Encode(&d.StructuredOutput); err != nil {
			return r, fmt.Errorf("structuredOutput: %w", err)
		}
	}
	if r.usage, err = parseUsage(&d.Usage); err != nil {
		return r, fmt.Errorf("usage: %w", err)
	}
	if r.human, err = d.HumanInput.human(); err != nil {
		return r, fmt.Errorf("humanInput: %w", err)
	}
	for _, file := range d.Downloads {
		r.downloads = append(r.downloads, downloadRule{file.Name, file.Text})
	}
	if d.Downloads != nil && r.downloads == nil {
		r.downloads = []downloadRule{} // none, and not the default
	}
	return r, d.readFaults(&r)
}

func (d *ruleDoc) readFaults(r *rule) (err error) {
	f := &d.Faults
	if r.dispatch, err = f.Dispatch.fault(false); err != nil {
		return fmt.Errorf("faults.dispatch: %w", err)
	}
	if r.answerLost, err = f.AnswerLost.fault(true); err != nil {
		return fmt.Errorf("faults.answerLost: %w", err)
	}
	if r.statusCalls, err = f.StatusCalls.fault(false); err != nil {
		return fmt.Errorf("faults.statusCalls: %w", err)
	}
	if f.Callback.Repeated < 0 || f.Callback.Repeated > maxRepeated {
		return fmt.Errorf("faults.callback.repeated: %d is not between 0 and %d", f.Callback.Repeated, maxRepeated)
	}
	r.callback = callbackFaults{
		lost: f.Callback.Lost, forged: f.Callback.Forged, malformed: f.Callback.Malformed,
		late: time.Duration(f.Callback.Late), repeated: f.Callback.Repeated,
	}
	return nil
}

func (d *humanDoc) human() (*human, error) {
	if d == nil {
		return nil, nil
	}
	h := &human{wait: time.Duration(d.For), action: d.Action, message: d.Message, callback: d.Callback}
	switch {
	case h.wait <= 0:
		return nil, errors.New("for: how long a person is asked must be said")
	case h.action == "":
		h.action = actionPrompt
	case h.action != actionPrompt && h.action != actionApproval:
		return nil, fmt.Errorf("action: %q is not one of %s, %s", h.action, actionPrompt, actionApproval)
	}
	if h.message == "" {
		h.message = "The sandbox asks a person."
	}
	return h, nil
}

// fault checks a fault. Without a status the connection is cut, if that is what
// the fault is for.
func (d *faultDoc) fault(cutByDefault bool) (*fault, error) {
	if d == nil {
		return nil, nil
	}
	f := &fault{cut: d.Cut || cutByDefault && d.Status == 0, status: d.Status, times: 1, each: d.Each, retryAfter: d.RetryAfter, body: d.Body}
	if d.Times != nil {
		f.times = *d.Times
	}
	return f, f.check()
}

func (f *fault) check() error {
	switch {
	case f.cut && (f.status != 0 || f.retryAfter != nil || f.body != nil):
		return errors.New("a connection that is cut has no status, retryAfter or body")
	case !f.cut && (f.status < 200 || f.status > 599):
		return fmt.Errorf("status: %d is not between 200 and 599", f.status)
	case f.times < 1 || f.times > maxTimes:
		return fmt.Errorf("times: %d is not between 1 and %d", f.times, maxTimes)
	case f.retryAfter != nil && *f.retryAfter < 0:
		return fmt.Errorf("retryAfter: %d is not a number of seconds", *f.retryAfter)
	}
	return nil
}

// parseUsage tells usage: null from no usage at all, which yaml's own decoding
// into a struct does not.
func parseUsage(n *yaml.Node) (*webhook.Usage, error) {
	switch {
	case n.IsZero():
		return defaultUsage(), nil
	case n.Tag == "!!null":
		return nil, nil
	case n.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("line %d: must be null or have actions and credits", n.Line)
	}
	var u webhook.Usage
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		var err error
		switch name.Value {
		case "actions":
			err = value.Decode(&u.Actions)
		case "credits":
			err = value.Decode(&u.Credits)
		default:
			err = fmt.Errorf("unknown field %q", name.Value)
		}
		if err != nil || u.Actions < 0 || !(u.Credits >= 0) || math.IsInf(u.Credits, 0) {
			return nil, fmt.Errorf("line %d: actions and credits must be numbers from 0 up, and nothing else", name.Line)
		}
	}
	return &u, nil
}

// duration is a time.Duration in Go's notation.
type duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	parsed, err := units.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || parsed < 0 || parsed > maxDuration {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a duration between 0s and 24h, such as 1.5s", n.Line, n.Value)}}
	}
	*d = duration(parsed)
	return nil
}
