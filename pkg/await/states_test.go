package await

import (
	"fmt"
	"testing"
	"time"
)

func TestTransitionsOfATask(t *testing.T) {
	events := []taskEvent{heardID, heardRefusal, heardNothing, heardPending, heardQuestion, heardResult}
	for state, want := range map[taskState][]taskState{
		intended:      {accepted, refused, unknown, accepted, waitingPerson, finished},
		unknown:       {accepted, unknown, unknown, accepted, waitingPerson, finished},
		accepted:      {accepted, accepted, accepted, accepted, waitingPerson, finished},
		waitingPerson: {waitingPerson, waitingPerson, waitingPerson, accepted, waitingPerson, finished},
		finished:      {finished, finished, finished, finished, finished, finished},
		refused:       {refused, refused, refused, refused, refused, refused},
	} {
		for i, event := range events {
			if got := state.next(event); got != want[i] {
				t.Errorf("state %d, event %d: %d, want %d", state, event, got, want[i])
			}
		}
	}
}

func TestTransitionsOfTheEndpoint(t *testing.T) {
	events := []EndpointEvent{endpointOpened, EndpointLost, EndpointBack, EndpointClosed}
	for state, want := range map[reception][]reception{
		noEndpoint:  {receiving, noEndpoint, noEndpoint, noEndpoint},
		receiving:   {receiving, interrupted, receiving, stopped},
		interrupted: {interrupted, interrupted, receiving, stopped},
		stopped:     {stopped, stopped, stopped, stopped},
	} {
		for i, event := range events {
			if got := state.next(event); got != want[i] {
				t.Errorf("state %d, event %d: %d, want %d", state, event, got, want[i])
			}
		}
	}
	for state, want := range map[reception]string{
		noEndpoint: "false 1s", receiving: "true 5s", interrupted: "true 1s", stopped: "false 1s",
	} {
		if got := fmt.Sprint(state.callbacks(), " ", state.pace(time.Second).first); got != want {
			t.Errorf("state %d: callbacks and first poll %s, want %s", state, got, want)
		}
	}
}

func TestAWaitEndsIfNoSourceCanAnswer(t *testing.T) {
	lostBy, refusedBy := fmt.Errorf("answer lost"), fmt.Errorf("poll refused")
	for _, tt := range []struct {
		name string
		w    *waiter
		want error
	}{
		{"its dispatch is under way", &waiter{state: intended}, nil},
		{"a callback may name it", &waiter{state: unknown, lostBy: lostBy, callbacks: true}, nil},
		{"no callback will name it", &waiter{state: unknown, lostBy: lostBy}, lostBy},
		{"no callback will name it, and it was sent by another process", &waiter{state: unknown}, errNoCallbacks},
		{"it is polled for", &waiter{state: accepted}, nil},
		{"a callback may arrive", &waiter{state: accepted, refusedBy: refusedBy, callbacks: true}, nil},
		{"neither way", &waiter{state: accepted, refusedBy: refusedBy}, refusedBy},
		{"neither way, while a person is asked", &waiter{state: waitingPerson, refusedBy: refusedBy}, refusedBy},
	} {
		if got := tt.w.lost(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
