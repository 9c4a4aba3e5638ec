package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestTheVerdictDependsOnTheReasonOfTheStop(t *testing.T) {
	ended, cancel := context.WithCancelCause(context.Background())
	signal := errors.New("terminated")
	cancel(signal)
	running := context.Background()
	wrong := errors.New("wrong")
	for name, test := range map[string]struct {
		ctx              context.Context
		succeeded, ended int // of 3
		err              error
		want             Ending
	}{
		"all succeeded":                 {running, 3, 3, nil, AllSucceeded},
		"some failed":                   {running, 2, 3, nil, SomeFailed},
		"some have not ended":           {running, 1, 2, nil, Unfinished},
		"too many failures":             {running, 1, 2, ErrFailures, Limited},
		"too many credits":              {running, 2, 2, ErrCredits, Limited},
		"no more windows":               {running, 0, 0, ErrWindows, Limited},
		"a limit that the last reached": {running, 2, 3, ErrFailures, SomeFailed},
		"credits that the last used up": {running, 3, 3, ErrCredits, AllSucceeded},
		"interrupted":                   {running, 1, 1, ErrInterrupted, Interrupted},
		"interrupted at the end":        {running, 3, 3, ErrInterrupted, AllSucceeded},
		"interrupted twice":             {ended, 1, 1, ErrInterrupted, Interrupted},
		"terminated":                    {ended, 1, 1, signal, Interrupted},
		"terminated in a call":          {ended, 1, 1, fmt.Errorf("dispatch: %w", signal), Interrupted},
		"terminated at the end":         {ended, 2, 3, signal, SomeFailed},
		"wrong":                         {running, 1, 1, wrong, Broken},
		"wrong at the end":              {running, 3, 3, wrong, Broken},
		"wrong when it was terminated":  {ended, 1, 1, wrong, Broken},
	} {
		tally := Tally{Total: 3, Ended: test.ended, Counts: map[narada.Status]int{narada.StatusSuccess: test.succeeded}}
		v := verdict(test.ctx, tally, test.err)
		if v.Ending != test.want || v.Tally.Ended != test.ended {
			t.Errorf("%s: %+v", name, v)
		}
		if stopped := v.Ending >= Limited; stopped != (v.Err != nil) || stopped && v.Err != test.err {
			t.Errorf("%s: the error is %v", name, v.Err)
		}
	}
}

func TestATallyCountsTheLines(t *testing.T) {
	tally := newTally(100)
	for i := range 20 {
		o := Outcome{Line: Line{Number: i + 1, Prompt: "a long prompt"}, State: State{Phase: Finished, Status: narada.StatusSuccess}}
		switch i % 4 {
		case 1:
			o.Status = narada.StatusError
		case 2:
			o.SchemaErrors = []string{"/n: must be a number"}
		case 3:
			o.Phase = Refused
		}
		doc := fmt.Sprintf(`{"requestId":"req_1","status":"success","createdAt":"2026-01-01T00:00:00Z","completedAt":"2026-01-01T00:00:%02dZ","usage":{"actions":2,"credits":0.5}}`, (i*7)%20)
		var err error
		if o.Result, err = narada.ParseResult([]byte(doc)); err != nil {
			t.Fatal(err)
		}
		if i < 10 {
			tally.add(o, true, nil)
		} else {
			tally.add(o, false, nil)
		}
	}
	s := tally.snapshot()
	tally.Counts[narada.StatusSuccess]++ // which is not the snapshot's
	want := map[narada.Status]int{narada.StatusSuccess: 5, narada.StatusError: 5, StatusMismatch: 5, "refused": 5}
	if diff := cmp.Diff(want, s.Counts); diff != "" {
		t.Error(diff)
	}
	if s.Ended != 20 || s.Recovered != 10 || s.Failed() != 15 || s.Failures != 8 || s.Actions != 40 || s.Credits != 10 {
		t.Errorf("%+v", s)
	}
	if len(s.FirstFailed) != maxFailed || s.FirstFailed[0].Number != 2 || s.FirstFailed[0].Result != nil || s.FirstFailed[0].Prompt != "" {
		t.Errorf("%+v", s.FirstFailed)
	}
	var slowest []time.Duration
	for _, one := range s.Slowest {
		slowest = append(slowest, one.Took/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{19, 18, 17, 16, 15}, slowest); diff != "" {
		t.Error(diff)
	}
	if rate := s.Rate(s.Start.Add(5 * time.Second)); rate != 2 {
		t.Errorf("%v a second", rate)
	}
	if left := s.Remaining(s.Start.Add(5 * time.Second)); left != 40*time.Second {
		t.Errorf("%v are left", left)
	}
	if s.Rate(s.Start) != 0 || s.Remaining(s.Start) != 0 {
		t.Error("there is a rate at the start")
	}
}

func TestAFailedLineHasWhatTheAgentSaidButNotAllOfIt(t *testing.T) {
	tally := newTally(2)
	for _, text := range []string{"no", strings.Repeat("é", 100_000)} {
		tally.add(Outcome{State: State{Phase: Finished, Status: narada.StatusError}, Result: &narada.Result{Response: &narada.Response{Text: text}}}, false, nil)
	}
	if got := tally.FirstFailed; got[0].Reason() != "no" || got[1].Reason() != strings.Repeat("é", maxReason-1)+"…" {
		t.Errorf("%+v", got)
	}
}
