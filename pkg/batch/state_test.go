package batch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

var phases = []Phase{New, Unknown, Running, Finished, Refused, Pruned}

// The rows are phases, the columns steps.
func TestTransitionsOfALine(t *testing.T) {
	steps := []step{stepIntended, stepAccepted, stepNotAccepted, stepRefused, stepAnswered, stepPruned}
	for phase, want := range map[Phase][]Phase{
		//          intended  accepted  not accepted  refused   answered  pruned
		New:      {Unknown, New, New, New, New, New},
		Unknown:  {Unknown, Running, New, Refused, Finished, Pruned},
		Running:  {Running, Running, Running, Running, Finished, Pruned},
		Finished: {Unknown, Finished, Finished, Finished, Finished, Pruned},
		Refused:  {Unknown, Refused, Refused, Refused, Refused, Pruned},
		Pruned:   {Pruned, Pruned, Pruned, Pruned, Pruned, Pruned},
	} {
		var got []Phase
		for _, s := range steps {
			got = append(got, phase.after(s))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("from %d: %s", phase, diff)
		}
	}
}

func TestThePhaseOfALineFollowsFromItsStoredTask(t *testing.T) {
	ended := time.Unix(1, 0)
	for name, test := range map[string]struct {
		task store.Task
		want Phase
	}{
		"about to be sent":     {store.Task{Number: 1, Status: store.StatusUnknown}, Unknown},
		"accepted":             {store.Task{Number: 1, Status: narada.StatusPending, RequestID: "req_1"}, Running},
		"waiting for a person": {store.Task{Number: 1, Status: narada.StatusInputRequired, RequestID: "req_1"}, Running},
		"succeeded":            {store.Task{Number: 1, Status: narada.StatusSuccess, RequestID: "req_1", FinishedAt: ended}, Finished},
		"failed":               {store.Task{Number: 1, Status: narada.StatusError, RequestID: "req_1", FinishedAt: ended}, Finished},
		"not accepted":         {store.Task{Number: 1, Status: store.StatusRefused, FinishedAt: ended}, New},
		"refused":              {store.Task{Number: 1, Status: store.StatusRefused, Failure: "422", FinishedAt: ended}, Refused},
		"pruned":               {store.Task{}, Pruned},
	} {
		if s := stateOf(store.ItemTask{Task: test.task}); s.Phase != test.want {
			t.Errorf("%s: %d", name, s.Phase)
		}
	}
}

func TestTheActionDependsOnThePhaseAndTheOptions(t *testing.T) {
	type row [6]action // by phase; finished is a failure
	for _, test := range []struct {
		retry, resend, canResume bool
		want                     row
	}{
		{false, false, false, row{actionSend, actionReport, actionResume, actionKeep, actionKeep, actionKeep}},
		{false, false, true, row{actionSend, actionResume, actionResume, actionKeep, actionKeep, actionKeep}},
		{true, false, false, row{actionSend, actionReport, actionResume, actionSend, actionSend, actionKeep}},
		{false, true, true, row{actionSend, actionSend, actionResume, actionKeep, actionKeep, actionKeep}},
	} {
		o := Options{RetryFailed: test.retry, ResendUnknown: test.resend}
		var got row
		for _, p := range phases {
			got[p] = o.action(State{Phase: p, Status: narada.StatusError}, func(State) bool { return test.canResume })
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v: %s", test, diff)
		}
		if got := o.action(State{Phase: Finished, Status: narada.StatusSuccess}, nil); got != actionKeep {
			t.Errorf("a success: %d", got)
		}
	}
}

// The machine that has sent the task may have another clock.
func TestTheTimeLimitOfASharedLineIsThatOfTheStore(t *testing.T) {
	sent := State{Phase: Unknown, Ticket: "/t", SentAt: time.Now().Add(-time.Hour)}
	for _, shared := range []bool{true, false} {
		r := &run{Batch: &Batch{}, shared: shared}
		r.timeout = time.Minute
		if r.canResume(sent) != shared {
			t.Errorf("shared %v", shared)
		}
	}
}
