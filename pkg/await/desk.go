// Package await brings tasks and their answers together. A Desk matches what
// comes in, callbacks by their ticket and polls by their request ID, with the
// claims of those who wait. A Poller asks for the state of all tasks that are
// watched. Run dispatches one task and waits for its answer, whichever way it
// comes.
//
// The package is private to narada. It knows neither where callbacks come in
// nor where answers are kept.
package await

import (
	"context"
	"sync"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Way is how an answer came.
type Way string

// The ways.
const (
	ByCallback Way = "callback"
	ByPoll     Way = "poll"
)

// Answer is what the cloud said of a task: its result, or how it stands.
type Answer struct {
	Task      int64  // its number in the store, 0 when it is not there
	RequestID string // "" when it is not known
	Ticket    string // path of its ticket, "" when it has none here
	Result    *narada.Result
	By        Way
}

// Desk hands each answer to the claim that it is for. It is safe for use by
// several goroutines at once.
type Desk struct {
	mu       sync.Mutex
	byTicket map[string]*Claim
	byID     map[string]*Claim
}

// NewDesk returns a Desk without claims.
func NewDesk() *Desk {
	return &Desk{byTicket: map[string]*Claim{}, byID: map[string]*Claim{}}
}

// Claim is one task's place at a Desk. Its request ID may be unknown at first:
// a callback can be there before the call that dispatched the task has answered.
type Claim struct {
	desk   *Desk
	ticket string

	// Under the desk's lock.
	id    string
	last  *narada.Result
	asked map[string]bool // input IDs that were told of
	human []narada.HumanInput

	named  chan struct{} // closed when id is known
	update chan struct{} // a token when human grows
	heard  chan struct{} // closed when last or failed is set
	done   chan struct{} // closed when final or failed is set
	final  Answer
	failed error
}

// Expect opens a claim on callbacks that show t. A zero Ticket is for a task
// that is only polled for.
func (d *Desk) Expect(t webhook.Ticket) *Claim {
	c := &Claim{
		desk: d, ticket: t.Path, asked: map[string]bool{},
		named: make(chan struct{}), update: make(chan struct{}, 1), heard: make(chan struct{}), done: make(chan struct{}),
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.Path != "" {
		d.byTicket[t.Path] = c
	}
	return c
}

// Offer hands in an answer. first is true when it is final and the first such
// for its claim; what nobody claims, or comes after, changes nothing.
func (d *Desk) Offer(a Answer) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.byTicket[a.Ticket]
	if a.Ticket == "" { // a poll: a callback proves itself by its ticket alone
		c = d.byID[a.Result.RequestID]
	}
	if c == nil || c.Done() {
		return false
	}
	c.name(a.Result.RequestID)
	if c.last == nil {
		close(c.heard)
	}
	c.last = a.Result
	if a.Result.Final() {
		c.final = a
		close(c.done)
		return true
	}
	c.noteHuman(a.Result)
	return false
}

// Fail ends the claim on the task called id: there is no use in waiting.
func (d *Desk) Fail(id string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.byID[id]; c != nil && !c.Done() {
		c.failed = err
		if c.last == nil {
			close(c.heard)
		}
		close(c.done)
	}
}

// Named tells the claim its request ID.
func (c *Claim) Named(id string) {
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	c.name(id)
}

func (c *Claim) name(id string) {
	if c.id != "" || id == "" {
		return
	}
	c.id = id
	c.desk.byID[id] = c
	close(c.named)
}

// ID returns the request ID, "" while it is unknown.
func (c *Claim) ID() string {
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	return c.id
}

// Last returns the newest state that was heard of, nil when none was.
func (c *Claim) Last() *narada.Result {
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	return c.last
}

// noteHuman remembers a person being asked, once per input ID.
func (c *Claim) noteHuman(r *narada.Result) {
	if r.Status != narada.StatusInputRequired {
		return
	}
	input := narada.HumanInput{}
	if r.HumanInput != nil {
		input = *r.HumanInput
	}
	if c.asked[input.InputID] {
		return
	}
	c.asked[input.InputID] = true
	c.human = append(c.human, input)
	select {
	case c.update <- struct{}{}:
	default: // a token is waiting
	}
}

// takeHuman returns who was asked since the last call.
func (c *Claim) takeHuman() []narada.HumanInput {
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	list := c.human
	c.human = nil
	return list
}

// Done reports whether there is nothing more to wait for.
func (c *Claim) Done() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Wait returns the final answer. It ends without one when ctx does, or with the
// error that Fail was given. asked, which may be nil, is told of each person
// that is asked meanwhile, once per input ID. One goroutine may wait on a claim.
func (c *Claim) Wait(ctx context.Context, asked func(narada.HumanInput)) (Answer, error) {
	for {
		select {
		case <-c.update:
			c.tellHuman(asked)
		case <-c.done:
			c.tellHuman(asked)
			return c.outcome()
		case <-ctx.Done():
			if c.Done() {
				continue
			}
			return Answer{}, context.Cause(ctx)
		}
	}
}

func (c *Claim) tellHuman(asked func(narada.HumanInput)) {
	for _, input := range c.takeHuman() {
		if asked != nil {
			asked(input)
		}
	}
}

// Heard is closed when any state of the task was heard of, or there will be
// none.
func (c *Claim) Heard() <-chan struct{} { return c.heard }

func (c *Claim) outcome() (Answer, error) {
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	return c.final, c.failed
}

// Close gives up the claim. Answers that come later are nobody's.
func (c *Claim) Close() {
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	if c.ticket != "" {
		delete(c.desk.byTicket, c.ticket)
	}
	if c.id != "" {
		delete(c.desk.byID, c.id)
	}
}
