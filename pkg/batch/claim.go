package batch

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/store"
)

// claim claims lines for the free slots, and reports whether there were some. Without more,
// it only asks about a claim in doubt.
func (c *claims) claim(ctx context.Context, more bool) (some bool, err error) {
	free := 0
	for more && free < maxSending && c.loop.slots.TryAcquire(1) {
		if free++; !c.loop.calls.TryAcquire(1) {
			free--
			c.free(true, false)
			break
		}
	}
	defer func() {
		for range free {
			c.free(true, true)
		}
	}()
	list, err := c.claimed(ctx, free)
	if err != nil {
		return false, err
	}
	sent, err := c.sentBefore(ctx, list)
	if err != nil {
		return false, err
	}
	c.doubt = c.doubt && len(list) == 0 && free == 0
	for _, line := range list {
		one := c.begin(ctx, line, sent[Key(line.Key)])
		if one.Fatal || one.Phase.ended() {
			c.refuse(one)
			continue
		}
		if free > 0 { // else a claim that was in doubt has brought more
			one.slot, one.call = true, true
			free--
		}
		c.ready = append(c.ready, one)
	}
	for _, a := range c.addresses {
		c.engine.Withdraw(a)
	}
	clear(c.addresses)
	return len(list) > 0, nil
}

// claimed returns lines that are claimed now, or, if that is in doubt, by the last call.
func (c *claims) claimed(ctx context.Context, n int) ([]store.Claimed, error) {
	if c.doubt {
		if list, err := c.store.Claimed(ctx, c.owner, c.call); err != nil || len(list) > 0 {
			return list, err
		}
	} else {
		c.call++
	}
	if n == 0 {
		return nil, nil
	}
	addresses, err := c.addressList(n)
	if err != nil {
		return nil, err
	}
	c.doubt, c.claimedAt = true, time.Now()
	c.mu.Lock()
	limit := c.limit
	c.settled = c.claimedAt
	c.mu.Unlock()
	err = c.store.Write(ctx, &store.Claim{
		Batch: c.number, Owner: c.owner, Call: c.call, Max: n, Limits: limit, Addresses: addresses, Source: "batch", Cloud: c.cloud, Machine: c.machine, At: c.claimedAt,
	})
	if err != nil {
		return nil, err
	}
	return c.store.Claimed(ctx, c.owner, c.call)
}

// addressList issues the addresses of a claim.
func (c *claims) addressList(n int) (list []store.Address, err error) {
	for len(c.addresses) < n {
		a, err := c.engine.Issue()
		if err != nil || a.URL == "" {
			return nil, err
		}
		c.addresses[a.Ticket.Path] = a
	}
	return slices.Collect(maps.Values(c.addresses))[:n], nil
}

// sentBefore returns the outcomes so far of the lines that other workers have sent.
func (c *claims) sentBefore(ctx context.Context, list []store.Claimed) (map[Key]Outcome, error) {
	sent := map[Key]Outcome{}
	var keys [][]byte
	for _, line := range list {
		if !line.Send {
			keys = append(keys, line.Key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	items, err := c.store.Items(ctx, c.number, keys)
	for _, i := range items {
		o := Outcome{State: stateOf(i)}
		if err == nil && o.Phase == Finished {
			err = o.readResult(ctx, c.store)
		}
		sent[Key(i.Key)] = o
	}
	return sent, err
}

// begin makes a line one in flight.
func (c *claims) begin(ctx context.Context, line store.Claimed, o Outcome) *inFlight {
	address := c.addresses[line.Ticket]
	delete(c.addresses, line.Ticket)
	held := &claimedLine{Claimed: line, worker: c, address: address, turn: time.Now().Add(line.In), valid: c.claimedAt.Add(c.Lease)}
	held.ctx, held.cancel = context.WithCancelCause(context.WithValue(ctx, lineKeyOf{}, held))
	c.mu.Lock()
	c.held[line.Fence] = held
	c.mu.Unlock()
	o.Line = Line{Number: line.Line, ID: line.ID, Key: Key(line.Key)}
	if len(line.Content) > 0 {
		o.Sum = Key(line.Content)
	}
	one := &inFlight{Outcome: o, claim: held}
	if !line.Send {
		return one
	}
	request, err := claimedTask(line, c.source, c.hide)
	if err != nil {
		one.Err, one.Fatal = err, true
		return one
	}
	one.Window = line.Window
	one.job = &await.Job{Request: request, Prompt: line.Prompt, Item: line.Item, Task: line.Task, Ticket: address.Ticket}
	return one
}
