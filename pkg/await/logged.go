package await

import (
	"context"

	"github.com/narada-cli/narada/pkg/narada"
)

// LoggedClient is a Client that logs what is sent, without secrets, and received.
type LoggedClient struct {
	Client
	Log func(event, text string)
}

// Dispatch dispatches a request.
func (c *LoggedClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	if body, err := r.Masked().MarshalJSON(); err == nil {
		c.Log("sent", "sending "+string(body))
	}
	return c.Client.Dispatch(ctx, r)
}

// Status asks for the state of a task.
func (c *LoggedClient) Status(ctx context.Context, id string) (*narada.Result, error) {
	r, err := c.Client.Status(ctx, id)
	if err == nil {
		c.Log("received", "received "+string(r.Raw()))
	}
	return r, err
}
