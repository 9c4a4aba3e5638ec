package receive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/narada-cli/narada/pkg/webhook"
)

// rememberedDeliveries is how many deliveries Once remembers: about 10 MiB.
const rememberedDeliveries = 100_000

// Once returns a sink that delivers to sink without repeats, which the cloud sends when
// an answer was lost. A repeat has the same path, request ID and body. It waits for the
// first one: it is dropped if that was stored, and replaces it if that failed. The last
// 100,000 deliveries are remembered.
func Once(sink webhook.Sink) webhook.Sink {
	return &once{sink: sink, seen: map[[sha256.Size]byte]*delivery{}}
}

type once struct {
	sink webhook.Sink

	mu    sync.Mutex
	seen  map[[sha256.Size]byte]*delivery
	order [][sha256.Size]byte // oldest first
}

// delivery is one that is being stored or was stored.
type delivery struct {
	turn   chan struct{} // full while it is being stored
	stored bool          // guarded by turn
}

// Deliver implements webhook.Sink.
func (o *once) Deliver(ctx context.Context, d webhook.Delivery) error {
	entry := o.entry(identity(d))
	select {
	case entry.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-entry.turn }()
	if entry.stored {
		return nil
	}
	if err := o.sink.Deliver(ctx, d); err != nil {
		return err
	}
	entry.stored = true
	return nil
}

func (o *once) entry(id [sha256.Size]byte) *delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.seen[id]; e != nil {
		return e
	}
	if len(o.order) == rememberedDeliveries {
		delete(o.seen, o.order[0])
		o.order = o.order[1:]
	}
	e := &delivery{turn: make(chan struct{}, 1)}
	o.seen[id] = e
	o.order = append(o.order, id)
	return e
}

func identity(d webhook.Delivery) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q ", d.Ticket.Path, d.Result.RequestID)
	h.Write(d.Body)
	return [sha256.Size]byte(h.Sum(nil))
}
