package engine

import (
	"net/http"
	"sync"

	"github.com/narada-cli/narada/pkg/store"
)

// Refusals are refused callbacks that are not stored yet. Its zero value is ready.
type Refusals struct {
	storing sync.Mutex // held by Store
	mu      sync.Mutex
	list    []store.Refusal
}

// Note adds a refused callback to the path, bounded and masked; ticket has the headers of
// the path's ticket. Of a burst at most store.MaxRefusalBurst are kept.
func (c *Refusals) Note(path string, r store.Refusal, ticket http.Header, mask func(string) string) {
	r = r.Bounded(ticket, mask)
	r.Path = path
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) < store.MaxRefusalBurst {
		c.list = append(c.list, r)
	}
}

// Store calls write with the refused callbacks, if there are any, and forgets them. It first
// waits for those that are being stored.
func (c *Refusals) Store(write func([]store.Refusal) error) error {
	c.storing.Lock()
	defer c.storing.Unlock()
	list := c.take()
	if len(list) == 0 {
		return nil
	}
	return write(list)
}

func (c *Refusals) take() []store.Refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}
