package engine

import (
	"context"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// The pace of maintenance. A pass looks at all tasks that are old enough.
const (
	MaintainStep  = 100                    // tasks in a step, which is a short transaction
	MaintainPause = 100 * time.Millisecond // between two steps of a pass
	MaintainRest  = 10 * time.Minute       // between two passes of all processes

	firstLook    = 5 * time.Second // so that commands that end soon never do it
	lookInterval = time.Minute
)

// Retention does maintenance in the background. Its zero value does nothing.
type Retention struct {
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// Start calls step again and again until Close. After an error, the next call does the same;
// the first one that is not temporary is reported.
func (r *Retention) Start(step func(context.Context) (more bool, err error), failed func(error)) {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.ended.Go(func() {
		for pause := firstLook; ; {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			pause = lookInterval
			more, err := step(ctx)
			switch {
			case err == nil && more:
				pause = MaintainPause
			case err != nil && failed != nil && ctx.Err() == nil && !store.Temporary(err):
				failed(err)
				failed = nil
			}
		}
	})
}

// Close ends it. A step under way is interrupted.
func (r *Retention) Close() {
	if r.stop != nil {
		r.stop()
	}
	r.ended.Wait()
}
