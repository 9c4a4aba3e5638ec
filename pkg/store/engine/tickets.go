package engine

import (
	"sync"

	"github.com/narada-cli/narada/pkg/webhook"
)

// maxTickets limits the cache.
const maxTickets = 10_000

// Tickets has the tickets of a ledger in memory: a cache of those of tasks, and those that
// were shared. Its zero value is ready.
type Tickets struct {
	shared sync.Map // path → webhook.Ticket

	mu    sync.Mutex
	cache map[string]webhook.Ticket // by path
}

// Remember adds a task's ticket to the cache.
func (c *Tickets) Remember(t webhook.Ticket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cache) >= maxTickets || c.cache == nil {
		c.cache = map[string]webhook.Ticket{}
	}
	c.cache[t.Path] = t
}

// Cached returns the ticket of a task from the cache.
func (c *Tickets) Cached(path string) (t webhook.Ticket, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok = c.cache[path]
	return t, ok
}

// Share marks the ticket's path as shared: its callbacks may be for tasks that were
// dispatched elsewhere.
func (c *Tickets) Share(t webhook.Ticket) { c.shared.Store(t.Path, t) }

// Shared returns the ticket that Share was called with for the path.
func (c *Tickets) Shared(path string) (t webhook.Ticket, ok bool) {
	shared, ok := c.shared.Load(path)
	if ok {
		t = shared.(webhook.Ticket)
	}
	return t, ok
}
