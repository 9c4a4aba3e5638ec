package await

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// taskState is how a task stands, as far as is known here.
type taskState int

const (
	intended      taskState = iota // its dispatch is under way
	unknown                        // the dispatch's answer was lost: a callback may tell whether it was accepted
	accepted                       // it runs
	waitingPerson                  // it waits for a person
	finished                       // it has its final answer
	refused                        // nothing was accepted
)

// taskEvent is what is heard of a task.
type taskEvent int

const (
	heardID       taskEvent = iota // the cloud gave it a request ID, or a callback named one
	heardRefusal                   // the dispatch failed; nothing was accepted
	heardNothing                   // the dispatch failed; it may have been accepted
	heardPending                   // it has not finished, and asks nobody
	heardQuestion                  // it asks a person
	heardResult                    // it has finished
)

// next is the state after e. What a callback has proved no failure of the dispatch
// takes back, and what has ended stays as it is.
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

// eventOf is what a result, which may be a state on the way, says.
func eventOf(r *narada.Result) taskEvent {
	switch {
	case r.Final():
		return heardResult
	case r.Status == narada.StatusInputRequired:
		return heardQuestion
	}
	return heardPending
}

// EndpointEvent is what happens to the endpoint that callbacks come in at.
type EndpointEvent int

// What happens to an endpoint.
const (
	endpointOpened EndpointEvent = iota
	EndpointLost                 // it cannot be reached for now
	EndpointBack                 // it can be reached again
	EndpointClosed               // no callback will come in any more
)

// reception is whether callbacks come in here, and with it how tasks are polled for.
type reception int

const (
	noEndpoint  reception = iota // polling alone
	receiving                    // polling beside the endpoint
	interrupted                  // polling alone until it is back
	stopped                      // polling alone
)

// next is the reception after e. One that has stopped stays so.
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

// callbacks reports whether callbacks may come in, now or later.
func (r reception) callbacks() bool { return r == receiving || r == interrupted }

// pace is how tasks are polled for.
func (r reception) pace(interval time.Duration) pace {
	if r == receiving {
		return paceBeside(interval)
	}
	return paceAlone(interval)
}
