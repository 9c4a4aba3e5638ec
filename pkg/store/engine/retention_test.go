package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// goneError is an error that passes.
type goneError struct{ error }

func (goneError) Temporary() bool { return true }

func TestMaintenanceIsDoneNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		var failed []string
		var r Retention
		r.Start(func(ctx context.Context) (bool, error) {
			at = append(at, time.Since(began))
			switch len(at) {
			case 1, 2:
				return true, nil
			case 3:
				return true, goneError{errors.New("the server is gone")}
			case 4, 5:
				return true, fmt.Errorf("no rights, at look %d", len(at))
			case 6:
				<-ctx.Done() // Close does not wait for it
				return false, ctx.Err()
			}
			return false, nil
		}, func(err error) { failed = append(failed, err.Error()) })
		time.Sleep(time.Hour)
		r.Close()
		pass := firstLook + 2*MaintainPause
		want := []time.Duration{firstLook, firstLook + MaintainPause, pass, pass + lookInterval, pass + 2*lookInterval, pass + 3*lookInterval}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"no rights, at look 4"}, failed); diff != "" {
			t.Error(diff)
		}
		new(Retention).Close()
	})
}
