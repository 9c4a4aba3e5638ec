//go:build unix

package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
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
		stop, cancel := context.WithTimeout(t.Context(), time.Hour)
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

// What it leaves running does not delay the next one.
func TestTheLockEndsWithTheCommand(t *testing.T) {
	var stdout bytes.Buffer
	c := newCommand(t, "", &stdout, io.Discard)
	pid := c.Dir + "/pid"
	c.Words, c.Environ = []string{"sh", "-c", "sleep 60 >/dev/null 2>&1 <&- & echo $! >" + pid + "; echo ran"}, os.Environ()
	for range 2 {
		if r, err := c.Forward(t.Context(), t.Context(), nil, toCommand, nil); r.Failure != "" || err != nil {
			t.Errorf("%+v, %v", r, err)
		}
		number, err := os.ReadFile(pid)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			killer := *c
			killer.Words = []string{"kill", strings.TrimSpace(string(number))}
			if r, err := killer.Forward(context.Background(), context.Background(), nil, toCommand, nil); r.Failure != "" || err != nil {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	if stdout.String() != "ran\nran\n" {
		t.Errorf("got %q", stdout.String())
	}
}
