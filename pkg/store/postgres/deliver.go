package postgres

import (
	"time"

	"github.com/google/uuid"

	"github.com/narada-cli/narada/pkg/store/engine"
)

// deliveries are callbacks that are stored by one statement: their request IDs, and their
// paths but for shared ones, are different from each other.
type deliveries struct {
	tickets *engine.Tickets
	list    []*engine.Delivery
	byID    map[string]*engine.Delivery
	paths   map[string]bool
}

func newDeliveries(tickets *engine.Tickets) *deliveries {
	return &deliveries{tickets: tickets, byID: map[string]*engine.Delivery{}, paths: map[string]bool{}}
}

// add adds a callback, unless another one has its ID or path.
func (c *deliveries) add(d *engine.Delivery) (added bool) {
	path := d.Op.Ticket.Path
	if _, shared := c.tickets.Shared(path); !shared {
		if c.paths[path] {
			return false
		}
		c.paths[path] = true
	}
	if c.byID[d.ID] != nil {
		return false
	}
	c.byID[d.ID] = d
	c.list = append(c.list, d)
	return true
}

// deliverRow has the arguments of @deliver that are lists.
type deliverRows struct {
	received              []time.Time
	ids                   []string
	digests               [][]byte
	paths, statuses       []string
	finals                []bool
	durations             []int64
	actions, microcredits []int64
	headers, bodies       [][]byte
	shared                []string
	forwardIDs            []string
	targets, listeners    []string
	rawHeaders, rawBodies [][]byte
}

// statement stores the callbacks, and calls stored for each that is not a repeat.
func (c *deliveries) statement(writer uuid.UUID, stored func(*engine.Delivery)) statement {
	rows := deliverRows{shared: []string{}, forwardIDs: []string{}}
	for _, d := range c.list {
		rows.add(d)
		if _, shared := c.tickets.Shared(d.Op.Ticket.Path); shared {
			rows.shared = append(rows.shared, d.Op.Ticket.Path)
		}
	}
	return statement{
		query: "SELECT seq, request_id, ended FROM @deliver($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
		args: []any{writer, rows.received, rows.ids, rows.digests, rows.paths, rows.statuses, rows.finals, rows.durations, rows.actions, rows.microcredits, rows.headers, rows.bodies, rows.shared,
			rows.forwardIDs, rows.targets, rows.listeners, rows.rawHeaders, rows.rawBodies},
		scan: func(row scanner) error {
			var seq int64
			var id string
			var ended bool
			if err := row.Scan(&seq, &id, &ended); err != nil {
				return err
			}
			d := c.byID[id]
			d.Seq, d.Ended = seq, ended
			stored(d)
			return nil
		},
	}
}

func (r *deliverRows) add(d *engine.Delivery) {
	result := d.Op.Result
	r.received, r.ids, r.digests = append(r.received, d.Op.ReceivedAt), append(r.ids, d.ID), append(r.digests, d.Digest[:])
	r.paths, r.statuses = append(r.paths, d.Op.Ticket.Path), append(r.statuses, string(result.Status))
	r.finals, r.durations = append(r.finals, result.Final()), append(r.durations, result.Duration().Milliseconds())
	actions, microcredits := engine.Used(result)
	r.actions, r.microcredits = append(r.actions, actions), append(r.microcredits, microcredits)
	r.headers, r.bodies = append(r.headers, []byte(d.Header)), append(r.bodies, d.Body)
	for _, target := range d.Op.Forwarding.Targets { // unmasked: a target may check the credentials
		r.forwardIDs, r.targets, r.listeners = append(r.forwardIDs, d.ID), append(r.targets, target), append(r.listeners, d.Op.Forwarding.Listener)
		r.rawHeaders, r.rawBodies = append(r.rawHeaders, []byte(engine.EncodeHeader(d.Op.Header))), append(r.rawBodies, d.Op.Body)
	}
}
