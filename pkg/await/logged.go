package await

import (
	"context"
	"errors"

	"github.com/narada-cli/narada/pkg/narada"
)

// LoggedClient is a Client that logs what is sent and received, without secrets. It masks
// the API's reason for refusing a request, which may repeat the request's secrets.
type LoggedClient struct {
	Client
	Log  func(event, text string) // nil: nothing is logged
	Mask func(string) string
}

// Dispatch dispatches a request.
func (c *LoggedClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	if c.Log != nil {
		if body, err := r.Masked().MarshalJSON(); err == nil {
			c.Log("sent", "sending "+string(body))
		}
	}
	id, err := c.Client.Dispatch(ctx, r)
	if refusal, ok := errors.AsType[*narada.APIError](err); ok {
		refusal.Detail = c.Mask(refusal.Detail)
	}
	return id, err
}

// Status asks for the state of a task.
func (c *LoggedClient) Status(ctx context.Context, id string) (*narada.Result, error) {
	r, err := c.Client.Status(ctx, id)
	if err == nil && c.Log != nil {
		c.Log("received", "received "+string(r.Raw()))
	}
	return r, err
}
