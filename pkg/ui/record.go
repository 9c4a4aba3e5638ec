package ui

import (
	"context"
	"encoding/json"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Record writes the tasks of a cloud on this machine to a ledger, for a page of its own.
type Record struct {
	Ledger store.Writer
	Cloud  string
}

// Accepted adds a task that the cloud has accepted. Secrets in its request are not kept.
func (c Record) Accepted(ctx context.Context, id, prompt string, request json.RawMessage, at time.Time) error {
	var r narada.Request
	if err := json.Unmarshal(request, &r); err != nil {
		return err
	}
	masked, err := r.Masked().MarshalJSON()
	if err != nil {
		return err
	}
	op := &store.Intend{Intent: store.Intent{Source: "run", Cloud: c.Cloud, Prompt: prompt, Body: masked, At: at}}
	if err := c.Ledger.Write(ctx, op); err != nil {
		return err
	}
	return c.Ledger.Write(ctx, &store.Accept{Task: op.Number, RequestID: id, At: at})
}

// Changed notes what a status call of a task answers now.
func (c Record) Changed(ctx context.Context, answer json.RawMessage, at time.Time) error {
	r, err := narada.ParseResult(answer)
	if err != nil {
		return err
	}
	return c.Ledger.Write(ctx, &store.Poll{Result: r, At: at})
}
