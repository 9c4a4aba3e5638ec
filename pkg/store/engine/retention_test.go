package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMaintenanceIsDoneNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		var r Retention
		r.Start(func(ctx context.Context) (bool, error) {
			at = append(at, time.Since(began))
			switch len(at) {
			case 1, 2:
				return true, nil
			case 4:
				return true, errors.New("the server is gone")
			case 6:
				<-ctx.Done() // Close does not wait for it
			}
			return false, nil
		})
		time.Sleep(time.Hour)
		r.Close()
		pass := firstLook + 2*MaintainPause
		want := []time.Duration{firstLook, firstLook + MaintainPause, pass, pass + lookInterval, pass + 2*lookInterval, pass + 3*lookInterval}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
		new(Retention).Close()
	})
}
