package stream

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// A Group is the set of the connections that are open, for an owner that closes
// them and waits until they are gone. Its zero value is empty and ready.
type Group[T comparable] struct {
	mu      sync.Mutex
	members map[T]struct{}
	idle    chan struct{} // closed when the group becomes empty; nil: it is empty
	closed  bool
}

// Add adds a member, also to a closed group. It reports whether the group is open.
func (g *Group[T]) Add(member T) (open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.members) == 0 {
		g.members, g.idle = make(map[T]struct{}), make(chan struct{})
	}
	g.members[member] = struct{}{}
	return !g.closed
}

// Remove removes a member.
func (g *Group[T]) Remove(member T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.members, member)
	if len(g.members) == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// Close marks the group as closed and returns its members.
func (g *Group[T]) Close() []T {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return slices.Collect(maps.Keys(g.members))
}

// Wait returns nil when the group is empty, or ctx's error.
func (g *Group[T]) Wait(ctx context.Context) error {
	g.mu.Lock()
	idle := g.idle
	g.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
