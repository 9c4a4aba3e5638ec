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
	maxWait   = 15 * time.Second
)

// Wait polls the task until it has finished: after 3 seconds, then less and less often,
// down to every 15 seconds. It retries temporary errors (see Temporary) and obeys
// Retry-After; any other error ends it. When ctx ends, the error wraps ctx.Err(); the
// task is still running and cannot be cancelled.
func (c *Client) Wait(ctx context.Context, id string) (*Result, error) {
	var last error
	var asked time.Duration // with Retry-After
	for pause := firstWait; ; pause = min(pause*5/4, maxWait) {
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

// Temporary reports whether a call that failed with err may succeed later: err is a
// network error, a 2xx *AnswerError, or a temporary *APIError or *StorageError (408,
// 429, 5xx). A TLS certificate that cannot be verified is not temporary. Temporary does
// not say whether a retry is safe; see DispatchError.
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
	return network && !misconfigured(err)
}
