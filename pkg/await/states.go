package await

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// taskState is the known state of a task.
type taskState int

const (
	intended      taskState = iota // its dispatch is under way
	unknown                        // the dispatch's answer was lost; the task may have been accepted
	accepted                       // it is running
	waitingPerson                  // it waits for a person
	finished                       // it has its final answer
	refused                        // it was not accepted
)

// taskEvent is news of a task.
type taskEvent int

const (
	heardID       taskEvent = iota // its request ID, from the dispatch or a callback
	heardRefusal                   // the dispatch failed; not accepted
	heardNothing                   // the dispatch failed; possibly accepted
	heardPending                   // it has not finished
	heardQuestion                  // it asks a person
	heardResult                    // it has finished
)

// next returns the state after e. A failed dispatch does not undo what a callback proved,
// and a final state does not change.
func (s taskState) next(e taskEvent) taskState {
	if s == finished || s == refused {
		return s
	}
	switch e {
	case heardResult:
		return finished
	case heardQuestion:
		return waitingPerson
	case heardPending:
		return accepted
	case heardID:
		return max(s, accepted)
	case heardRefusal:
		if s == intended {
			return refused
		}
	case heardNothing:
		return max(s, unknown)
	}
	return s
}

// eventOf returns the event of a result, which may be an interim one.
func eventOf(r *narada.Result) taskEvent {
	switch {
	case r.Final():
		return heardResult
	case r.Status == narada.StatusInputRequired:
		return heardQuestion
	}
	return heardPending
}

// EndpointEvent is an event of the endpoint.
type EndpointEvent int

// The events of an endpoint.
const (
	endpointOpened EndpointEvent = iota
	EndpointLost                 // it cannot be reached at present
	EndpointBack                 // it can be reached again
	EndpointClosed               // no more callbacks
)

// reception is whether callbacks arrive here, which sets the pace of polling.
type reception int

const (
	noEndpoint  reception = iota // polling alone
	receiving                    // polling beside the endpoint
	interrupted                  // polling alone until it is back
	stopped                      // polling alone
)

// next returns the reception after e. stopped is final.
func (r reception) next(e EndpointEvent) reception {
	switch {
	case r == noEndpoint && e == endpointOpened, r == interrupted && e == EndpointBack:
		return receiving
	case r == receiving && e == EndpointLost:
		return interrupted
	case r != noEndpoint && e == EndpointClosed:
		return stopped
	}
	return r
}

// callbacks reports whether callbacks may arrive, now or later.
func (r reception) callbacks() bool { return r == receiving || r == interrupted }

// pace returns the pace of polling.
func (r reception) pace(interval time.Duration) pace {
	if r == receiving {
		return paceBeside(interval)
	}
	return paceAlone(interval)
}
