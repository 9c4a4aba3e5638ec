package batch

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/assertion"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
)

// DefaultLease is the length of a lease if Options set none.
const DefaultLease = 30 * time.Second

// sendLimit is how long the API may take to accept a task, with a margin.
const sendLimit = 65 * time.Second

// kept is what a run was given, as it is kept with the batch for its workers.
type kept struct {
	Via         string        `json:"via"`
	Timeout     time.Duration `json:"timeout"`
	Concurrency int           `json:"concurrency"`
	Rate        float64       `json:"rate,omitempty"`
	Windows     []string      `json:"windows,omitempty"`
	MaxFailures int           `json:"maxFailures,omitempty"`
	MaxCredits  float64       `json:"maxCredits,omitempty"`
	Lease       time.Duration `json:"lease"`
	NoValidate  bool          `json:"noValidate,omitempty"`
	Assert      []string      `json:"assert,omitempty"`
	Secrets     []string      `json:"secrets,omitempty"` // references
	Filling     bool          `json:"filling,omitempty"` // its run has not put all lines into the store yet
}

// kept returns what workers are to follow. The error is a *task.InputError if a secret
// has no reference.
func (o *Options) kept() (k kept, err error) {
	k = kept{
		Via: o.Via, Timeout: o.Timeout, Concurrency: o.Concurrency, Rate: o.Rate, Windows: o.Windows, MaxFailures: o.MaxFailures, MaxCredits: o.MaxCredits,
		Lease: o.Lease, NoValidate: o.Check == nil, Assert: o.Template.Plan.Asserts.Texts(),
	}
	if k.Lease == 0 {
		k.Lease = DefaultLease
	}
	r, err := o.Template.Referenced(o.Template.Plan)
	if err != nil {
		return k, err
	}
	r.WithSecrets(func(_, ref string) string {
		if !slices.Contains(k.Secrets, ref) {
			k.Secrets = append(k.Secrets, ref)
		}
		return ref
	})
	return k, nil
}

func (k kept) limits() store.ClaimLimits {
	return store.ClaimLimits{
		Concurrency: k.Concurrency, Rate: k.Rate, Windows: k.Windows, MaxFailures: k.MaxFailures, MaxCredits: k.MaxCredits,
		Lease: k.Lease, TimeLimit: k.Timeout, SendLimit: sendLimit,
	}
}

// stopped returns which limit has ended the sending, nil if none has.
func stopped(l store.ClaimLimits, w store.Work) error {
	switch {
	case l.MaxFailures > 0 && w.Failures >= l.MaxFailures:
		return ErrFailures
	case l.MaxCredits > 0 && w.Credits > l.MaxCredits:
		return ErrCredits
	case len(l.Windows) > 0 && w.Lost >= len(l.Windows):
		return ErrWindows
	}
	return nil
}

// queueLine returns the line as it is put into the store, with references in place of secrets.
func (b *Batch) queueLine(l Line, number int64) (*store.QueueLine, error) {
	plan, err := b.plan(l)
	if err != nil {
		return nil, b.source.error(l, err)
	}
	r, err := b.o.Template.Referenced(plan)
	if err != nil {
		return nil, b.source.error(l, err)
	}
	intent := store.IntentOf(r, store.Intent{Prompt: plan.Prompt})
	if intent.Body, err = r.MarshalJSON(); err != nil {
		return nil, b.source.error(l, err)
	}
	op := &store.QueueLine{Item: l.Item(number), Intent: intent}
	if own := plan.Asserts.Texts()[len(b.o.Template.Plan.Asserts):]; len(own) > 0 {
		doc, _ := narada.EncodeJSON(own) // strings only: it cannot fail
		op.Assertions = string(doc)
	}
	return op, nil
}

// claimedTask is a request of a claimed line, as it is to be sent.
func claimedTask(c store.Claimed, source *secret.Source, hide func(...secret.String)) (*narada.Request, error) {
	r, err := narada.ParseRequest(c.Request)
	if err != nil {
		return nil, err
	}
	return task.Resolved(r, source, hide)
}

// claimedSchema returns the schema of the answer to a claimed line, nil for none.
func claimedSchema(c store.Claimed) (*schema.Schema, error) {
	r, err := narada.ParseRequest(c.Request)
	if err != nil || r.ResponseFormat == nil {
		return nil, err
	}
	return schema.Compile(r.ResponseFormat.JSONSchema)
}

// claimedAssertions returns the assertions about the answer to a claimed line: those of the
// batch, and its own.
func (c *claims) claimedAssertions(line store.Claimed) (assertion.List, error) {
	var own []string
	if line.Assertions != "" {
		if err := json.Unmarshal([]byte(line.Assertions), &own); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return assertion.Parse(slices.Concat(c.asserts, own)...)
}

func readKept(w store.Work) (k kept, err error) {
	if err = json.Unmarshal([]byte(w.Options), &k); err != nil {
		err = fmt.Errorf("the batch %q: its options cannot be read: %w", w.Batch.Name, err)
	}
	return k, err
}
