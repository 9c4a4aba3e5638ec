package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/textfile"
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

// document is the YAML document of Rules.
type document struct {
	Delay  *duration `yaml:"delay"`
	Rules  []rule    `yaml:"rules"`
	Faults struct {
		Presign  *fault `yaml:"presign"`
		Upload   *fault `yaml:"upload"`
		Start    *fault `yaml:"startSession"`
		Stop     *fault `yaml:"stopSession"`
		Download *fault `yaml:"download"`
	} `yaml:"faults"`
}

// LoadRules reads the rules in a file or pipe. ctx ends the read. Its errors name the file.
func LoadRules(ctx context.Context, path string) (*Rules, error) {
	text, err := textfile.ReadFile(ctx, path, maxRules)
	if err != nil {
		return nil, textfile.Named(path, err)
	}
	rules, err := ParseRules([]byte(text))
	if err != nil {
		return nil, textfile.Named(path, err)
	}
	return rules, nil
}

// ParseRules parses rules of up to 1 MiB. An empty document has no rules. Unknown
// fields, YAML aliases and anchors are errors that name the line.
func ParseRules(doc []byte) (*Rules, error) {
	if len(doc) > maxRules {
		return nil, fmt.Errorf("the rules are larger than %d MiB", maxRules>>20)
	}
	doc = yamljson.JoinSurrogates(doc)
	root, err := yamljson.Parse(doc)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	d, err := decodeRules(doc, root)
	if err != nil {
		return nil, yamlError(err)
	}
	for i := range d.Rules {
		if err := d.Rules[i].check(); err != nil {
			return nil, fmt.Errorf("rules: rule %d (line %d): %w", i+1, lineOfRule(root, i), err)
		}
	}
	rules := &Rules{delay: d.Delay, list: d.Rules, faults: map[string]*fault{
		faultPresign: d.Faults.Presign, faultUpload: d.Faults.Upload, faultStart: d.Faults.Start,
		faultStop: d.Faults.Stop, faultDownload: d.Faults.Download,
	}}
	for _, name := range slices.Sorted(maps.Keys(rules.faults)) {
		f := rules.faults[name]
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("rules: faults.%s (line %d): %w", name, lineOfFault(root, name), err)
		}
		if f != nil && !f.Cut && f.Body == nil && (name == faultUpload || name == faultDownload) {
			f.Body = new(string(storageAnswer(f.Status, storageCode(f.Status), http.StatusText(f.Status)).body))
		}
	}
	return rules, nil
}

// decodeRules decodes a document and its root. The library finds unknown fields only in a
// document, and has the values of the core schema only from the root.
func decodeRules(doc []byte, root *yaml.Node) (d document, err error) {
	if root == nil {
		return d, nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(doc))
	dec.KnownFields(true)
	if err := dec.Decode(new(document)); err != nil {
		return d, err
	}
	return d, root.Decode(&d)
}

// storageCode returns S3's error code for a status.
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

// lineOfRule returns the line on which a rule starts.
func lineOfRule(root *yaml.Node, i int) int {
	var nodes struct{ Rules []yaml.Node }
	_ = root.Decode(&nodes) // the rules were decoded before
	return nodes.Rules[i].Line
}

// lineOfFault returns the line on which a fault of all tasks starts.
func lineOfFault(root *yaml.Node, name string) int {
	var nodes struct{ Faults map[string]yaml.Node }
	_ = root.Decode(&nodes) // the faults were decoded before
	n := nodes.Faults[name]
	return n.Line
}

// yamlError removes the names of Go types from the decoder's messages.
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

// parseUsage distinguishes null from no usage, which decoding into a struct does
// not.
func parseUsage(n *yaml.Node) (*webhook.Usage, error) {
	switch {
	case n.IsZero():
		return defaultUsage(), nil
	case n.Tag == "!!null":
		return nil, nil
	case n.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("line %d: must be null, or an object with actions and credits", n.Line)
	}
	var u webhook.Usage
	var unknown map[string]any
	err := errors.Join(n.Decode(&u), n.Decode(&unknown))
	delete(unknown, "actions")
	delete(unknown, "credits")
	if err != nil || len(unknown) > 0 || u.Actions < 0 || !(u.Credits >= 0) || math.IsInf(u.Credits, 0) {
		return nil, fmt.Errorf("line %d: actions and credits must be numbers from 0 up, and nothing else", n.Line)
	}
	return &u, nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	parsed, err := units.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || parsed < 0 || parsed > maxDuration {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a duration between 0s and 24h, such as 1.5s", n.Line, n.Value)}}
	}
	*d = duration(parsed)
	return nil
}
