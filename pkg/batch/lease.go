package batch

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// errLease is why a task is not sent by a worker that has slept through its lease.
var errLease = errors.New("the lease of the line has ended")

// claimedLine is a line that a worker holds.
type claimedLine struct {
	store.Claimed
	worker  *claims
	address store.Address // of a task to be sent
	turn    time.Time     // when it is sent
	valid   time.Time     // until when the lease lasts at least

	ctx    context.Context // ended when another worker has the line
	cancel context.CancelCauseFunc
}

func (l *claimedLine) heldLine() store.HeldLine {
	return store.HeldLine{Batch: l.Batch, Key: l.Key, Fence: l.Fence}
}

func (l *claimedLine) guard() store.Op { return &store.CheckClaim{HeldLine: l.heldLine()} }

// renew renews the leases of the lines in flight, until ctx ends, and ends the tasks of the
// lines that others have.
func (c *claims) renew(ctx context.Context) {
	for ctx.Err() == nil {
		await.Sleep(ctx, c.Lease/3)
		c.mu.Lock()
		held := maps.Clone(c.held)
		c.mu.Unlock()
		if len(held) == 0 {
			continue
		}
		var valid time.Time
		var list []store.Claimed
		err := c.outage.until(ctx, func() (err error) {
			valid = time.Now().Add(c.Lease)
			if err = c.store.Write(ctx, &store.RenewClaims{Owner: c.owner, Lease: c.Lease}); err == nil {
				list, err = c.store.Claimed(ctx, c.owner, 0)
			}
			return err
		})
		if err != nil {
			if ctx.Err() == nil {
				c.stop(err)
			}
			continue
		}
		for _, line := range list {
			if line := held[line.Fence]; line != nil {
				c.mu.Lock()
				line.valid = valid
				c.mu.Unlock()
				delete(held, line.Fence)
			}
		}
		for _, line := range held {
			line.cancel(store.ErrClaimLost)
		}
	}
}

// endLimit is how long the end of the leases may take, after which they end by themselves.
const endLimit = time.Second

// end ends the leases of the lines that this worker leaves to others.
func (c *claims) end() {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	_ = c.store.Write(ctx, &store.RenewClaims{Owner: c.owner})
}

// leased reports whether the lease of a line lasts. A process that is stopped for a while
// does not notice: both clocks are looked at, one of which may stop with the machine.
func (l *claimedLine) leased() bool {
	l.worker.mu.Lock()
	defer l.worker.mu.Unlock()
	now := time.Now()
	return now.Before(l.valid) && now.Round(0).Before(l.valid.Round(0))
}

// lineKeyOf is the key of the line in the context of its task.
type lineKeyOf struct{}

// leasedClient is a client that sends a task only while the lease of its line lasts.
type leasedClient struct {
	await.Client
	store store.Writer
}

// Dispatch implements await.Client.
func (c *leasedClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	line, _ := ctx.Value(lineKeyOf{}).(*claimedLine)
	if line == nil {
		return c.Client.Dispatch(ctx, r)
	}
	if !line.leased() {
		return "", &narada.DispatchError{Err: errLease}
	}
	id, err := c.Client.Dispatch(ctx, r)
	if api, ok := errors.AsType[*narada.APIError](err); ok && api.StatusCode == http.StatusTooManyRequests {
		_ = c.store.Write(ctx, &store.HoldWork{Batch: line.Batch, For: min(max(api.RetryAfter, shortHold), maxHold)}) // this process is paced all the same
	}
	return id, err
}
