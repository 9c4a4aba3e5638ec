package forward

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/deliver"
)

func TestACommandWaitsForThatOfAnEarlierListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &events{}
		c := newCommand(t, "show", io.Discard, io.Discard)
		c.Report = e.report
		earlier, err := c.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stop, cancel := context.WithTimeout(t.Context(), 2*quietLimit)
		defer cancel()
		if _, err := c.lock(stop); !errors.Is(err, deliver.ErrStopped) {
			t.Errorf("until it is stopped: %v", err)
		}
		time.AfterFunc(quietLimit/2, func() { unlock(earlier) })
		later, err := c.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer unlock(later)
		other := newCommand(t, "show", io.Discard, io.Discard)
		other.State, other.Line = c.State, "y"
		if lock, err := other.lock(t.Context()); err != nil {
			t.Error(err)
		} else {
			unlock(lock)
		}
		if diff := cmp.Diff([]string{"forward.CommandBusy{-- x}"}, e.list); diff != "" {
			t.Error(diff)
		}
	})
}
