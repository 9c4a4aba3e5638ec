package receive

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func entry(t *testing.T, size int) store.Entry {
	t.Helper()
	r, err := narada.ParseResult([]byte(`{"requestId":"req_1","status":"success","x":"` + strings.Repeat("x", size) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	return store.Entry{Result: r}
}

// The callbacks that wait for a stalled reader are bounded, and delay the end only
// briefly.
func TestUnprintedCallbacksAreBounded(t *testing.T) {
	for name, tt := range map[string]struct{ size, most int }{
		"in number": {10, 5},
		"in bytes":  {3000, 3},
		"huge":      {20_000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reads := make(chan struct{})
				p := newPrinting(5, 10_000, func(store.Entry) { <-reads })
				go p.run()
				added, adding, e := 0, make(chan struct{}), entry(t, tt.size)
				go func() {
					defer close(adding)
					for range tt.most + 5 {
						p.add(e)
						added++
					}
				}()
				synctest.Wait()
				if added != tt.most {
					t.Errorf("%d wait, want %d", added, tt.most)
				}
				reads <- struct{}{}
				synctest.Wait()
				if added != tt.most+1 {
					t.Errorf("one was read, and %d were added", added)
				}
				start := time.Now()
				time.AfterFunc(time.Minute, p.abandon)
				if p.finish() || time.Since(start) != time.Minute {
					t.Errorf("finished after %v", time.Since(start))
				}
				<-adding
				close(reads) // the rest is not printed
				<-p.ended
			})
		})
	}
}
