package narada

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// The pace of Wait.
const (
	firstWait = 3 * time.Second
	mostWait  = 15 * time.Second
)

// Wait asks how the task stands until it has finished, after 3 s at first and
// up to every 15 s later. Network errors, 408, 429 and 5xx are ridden out, with
// Retry-After obeyed; other refusals end it. So does ctx: the error is then
// ctx's, and the task goes on in the cloud.
func (c *Client) Wait(ctx context.Context, id string) (*Result, error) {
	var last error
	var asked time.Duration // by the cloud, with Retry-After
	for pause := firstWait; ; pause = min(pause*5/4, mostWait) {
		select {
		case <-time.After(max(pause, asked)):
		case <-ctx.Done():
			if last != nil {
				return nil, fmt.Errorf("wait for %s: %w (last failure: %v)", id, ctx.Err(), last)
			}
			return nil, fmt.Errorf("wait for %s: %w", id, ctx.Err())
		}
		r, err := c.Status(ctx, id)
		switch {
		case err == nil && r.Final():
			return r, nil
		case err == nil || ctx.Err() != nil:
		case !Temporary(err):
			return nil, err
		default:
			last = err
		}
		asked = 0
		if api, ok := errors.AsType[*APIError](err); ok {
			asked = api.RetryAfter
		}
	}
}

// Temporary reports whether a call that failed with err may succeed when it is
// made again later: a network error, an answer that was not the API's, or an
// *APIError or *StorageError that is Temporary.
func Temporary(err error) bool {
	if api, ok := errors.AsType[*APIError](err); ok {
		return api.Temporary()
	}
	if storage, ok := errors.AsType[*StorageError](err); ok {
		return storage.Temporary()
	}
	if odd, ok := errors.AsType[*AnswerError](err); ok {
		return odd.StatusCode < 300
	}
	_, network := errors.AsType[*url.Error](err)
	return network
}
