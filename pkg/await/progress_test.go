package await

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestProgressIsWhatTheTaskWaitsFor(t *testing.T) {
	for name, test := range map[string]struct {
		dispatched error // after a second
		early      bool  // a callback arrives before that
		want       Progress
	}{
		"its answer":                           {nil, false, Progress{ForAnswer, "req_1"}},
		"a callback when its dispatch is lost": {&narada.DispatchError{Maybe: true, Err: errors.New("reset")}, false, Progress{ForCallback, ""}},
		"its answer after a callback":          {&narada.DispatchError{Maybe: true, Err: errors.New("reset")}, true, Progress{ForAnswer, "req_1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint)
				w.cloud.dispatch = func(context.Context, int) (string, error) {
					time.Sleep(time.Second)
					return "req_1", test.dispatched
				}
				if test.early {
					w.callbackAfter(500*time.Millisecond, asking(t, "i1"))
				}
				w.callbackAfter(time.Minute, success(t, "done"))
				done := make(chan error)
				go func() {
					_, err := w.run(t.Context())
					done <- err
				}()
				synctest.Wait()
				if got := w.engine.Progress(); got != (Progress{}) {
					t.Errorf("while it is sent: %+v", got)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if got := w.engine.Progress(); got != test.want {
					t.Errorf("then: %+v, want %+v", got, test.want)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
