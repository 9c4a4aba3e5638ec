package receive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
)

func TestOnlyNewCallbacksThatMatchAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Count = 2
			o.Filter = func(r *narada.Result) (bool, error) { return r.Text() != "unwanted", nil }
		})
		if diff := cmp.Diff([]int{200, 200, 401, 200}, c.send("a", "a", "forged", "unwanted")); diff != "" {
			t.Error(diff)
		}
		c.kept.err = errors.New("disk full")
		if diff := cmp.Diff([]int{503}, c.send("b")); diff != "" {
			t.Error(diff)
		}
		c.kept.err = nil
		if diff := cmp.Diff([]int{200}, c.send("further")); diff != "" {
			t.Error(diff)
		}
		c.end(Summary{Reason: ErrCounted, Done: 2, NotForwarded: 2}, nil, "a", "further")
		want := []string{"Ready", "Accepted", "Refused", "FilteredOut", "NotStored", "Refused", "Accepted"}
		if diff := cmp.Diff(want, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
		unlisted := map[bool]int{}
		for _, f := range c.kept.bodies {
			unlisted[f.Unlisted]++
		}
		if diff := cmp.Diff(map[bool]int{true: 1, false: 2}, unlisted); diff != "" || c.forwards.woken != 3 { // once by the repeat
			t.Errorf("woken %d times, unlisted %s", c.forwards.woken, diff)
		}
		if diff := cmp.Diff([]string{"wrong secret", "could not be stored, try again: disk full"}, c.kept.refused); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{c.o.Ticket.Path}, c.kept.shared); diff != "" {
			t.Error(diff)
		}
	})
}

// The sender repeats what was not acknowledged.
func TestAFailingStoreIsReportedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures []string
		c := listen(t, func(_ *command, o *ListeningOptions) {
			report := o.Report
			o.Report = func(e Event) {
				report(e)
				if failure, ok := e.(NotStored); ok {
					failures = append(failures, fmt.Sprint(failure.Err, failure.Times))
				}
			}
		})
		c.kept.err = errors.New("disk full")
		if diff := cmp.Diff([]int{503, 503, 503}, c.send("a", "b", "a")); diff != "" {
			t.Error(diff)
		}
		time.Sleep(repeatPause)
		if diff := cmp.Diff([]int{503}, c.send("a")); diff != "" {
			t.Error(diff)
		}
		path, _ := strings.CutPrefix(c.o.Ticket.Path, Prefix)
		other := c.o.Ticket
		other.Path = Prefix + strings.Repeat("x", len(path)) // may be a task's
		if code, _ := post(t, c.m.client(t), callbackRequest(t, "https://hook.example/base"+other.Path, other, "a")); code != 503 {
			t.Errorf("a callback of a task is answered %d", code)
		}
		c.kept.err = nil
		if diff := cmp.Diff([]int{200}, c.send("a")); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Done: 1, Waiting: 1}, nil, "a")
		if diff := cmp.Diff([]string{"disk full 1", "disk full 3"}, failures); diff != "" {
			t.Error(diff)
		}
	})
}

// Callbacks beyond Count are for another listener, also while the last is printed.
func TestNoMoreCallbacksAreTakenThanCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := make(chan struct{})
		c := listen(t, func(c *command, o *ListeningOptions) {
			o.Count = 1
			print := o.Print
			o.Print = func(r *narada.Result) error { <-reads; return print(r) }
		})
		if diff := cmp.Diff([]int{200, 503}, c.send("a", "b")); diff != "" {
			t.Error(diff)
		}
		close(reads)
		c.end(Summary{Reason: ErrCounted, Done: 1, NotForwarded: 2}, nil, "a")
	})
}

func TestAFilterThatFailsKeepsTheCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Filter = func(*narada.Result) (bool, error) { return true, errors.New("not an object") }
		})
		if diff := cmp.Diff([]int{200}, c.send("a")); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if diff := cmp.Diff([]string{"Ready", "FilteredOut"}, c.eventKinds()); diff != "" || len(c.kept.bodies) != 1 {
			t.Errorf("%d are kept, %s", len(c.kept.bodies), diff)
		}
	})
}

func TestACallbackWhoseFilterWasEndedIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Filter = func(*narada.Result) (bool, error) { return false, fmt.Errorf("--filter: %w", context.Canceled) }
		})
		if diff := cmp.Diff([]int{503}, c.send("a")); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if diff := cmp.Diff([]string{"Ready", "NotStored", "Refused"}, c.eventKinds()); diff != "" || len(c.kept.bodies) != 0 {
			t.Errorf("%d are kept, %s", len(c.kept.bodies), diff)
		}
	})
}

func TestAStalledReaderDelaysNeitherAnswersNorTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := make(chan struct{})
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Print = func(*narada.Result) error { <-reads; return nil }
		})
		if diff := cmp.Diff([]int{200, 200}, c.send("a", "b")); diff != "" {
			t.Error(diff)
		}
		start := time.Now()
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if took := time.Since(start); took != endLimit {
			t.Errorf("it ended after %v", took)
		}
		close(reads)
		synctest.Wait()
		if diff := cmp.Diff([]string{"Ready", "NotPrinted"}, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
	})
}

// A --jq that does not end is ended with the command.
func TestAPrintThatIsEndedIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Print = func(*narada.Result) error { <-ended; return fmt.Errorf("--jq: %w", context.Canceled) }
		})
		if diff := cmp.Diff([]int{200, 200}, c.send("a", "b")); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		time.AfterFunc(endLimit/2, func() { close(ended) })
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if diff := cmp.Diff([]string{"Ready", "NotPrinted"}, c.eventKinds()); diff != "" || len(c.kept.bodies) != 2 {
			t.Errorf("%d are kept, %s", len(c.kept.bodies), diff)
		}
	})
}

func TestWithoutCallbacksNothingIsUnprintedAtTheEnd(t *testing.T) {
	p := newPrinting(1, 1, func(store.Entry) {})
	go p.run()
	p.abandon() // as something else delays the end
	if !p.finish() {
		t.Error("not all callbacks were printed")
	}
}

// While the reader of stdout is too far behind, callbacks wait to be stored.
func TestTheEndOfAStalledReaderAnswersWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := make(chan struct{})
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Print = func(*narada.Result) error { <-reads; return nil }
		})
		c.printing.room.TryAcquire(maxUnprintedBytes)
		answer := make(chan []int)
		go func() { answer <- c.send("a") }()
		time.Sleep(time.Minute)
		start := time.Now()
		c.interrupt(errInterrupted)
		if diff := cmp.Diff([]int{200}, <-answer); diff != "" {
			t.Error(diff)
		}
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if took := time.Since(start); took > endLimit+answerLimit || len(c.kept.bodies) != 1 {
			t.Errorf("it ended after %v, %d are kept", took, len(c.kept.bodies))
		}
		close(reads)
		if diff := cmp.Diff([]string{"Ready", "NotPrinted"}, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPrintErrorEndsTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, reads, tried := errors.New("broken pipe"), make(chan struct{}), 0
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Print = func(*narada.Result) error { tried++; <-reads; return broken }
		})
		if diff := cmp.Diff([]int{200, 200}, c.send("a", "b")); diff != "" {
			t.Error(diff)
		}
		close(reads)
		c.end(Summary{Reason: broken, Waiting: 1}, broken)
		if tried != 1 {
			t.Errorf("after the failure it was tried %d times", tried-1)
		}
	})
}

func TestAStoppedTunnelEndsTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("ERR_NGROK_4300")
		c := listen(t, func(*command, *ListeningOptions) {})
		for _, e := range []tunnel.Event{{Kind: tunnel.Lost}, {Kind: tunnel.Back}, {Kind: tunnel.Stopped, Err: gone}} {
			c.m.events <- e
		}
		<-c.ended
		if stopped, ok := errors.AsType[*StoppedError](c.err); !ok || stopped.Err != gone {
			t.Errorf("got %v", c.err)
		}
		c.end(Summary{Reason: c.err, Waiting: 1}, gone)
		if diff := cmp.Diff([]string{"Ready", "TunnelChanged", "TunnelChanged"}, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheTimeLimitEndsTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := listen(t, func(_ *command, o *ListeningOptions) { o.Until = start.Add(time.Hour) })
		c.end(Summary{Reason: context.DeadlineExceeded, Waiting: 1}, nil)
		if took := time.Since(start); took < time.Hour || took > time.Hour+answerLimit {
			t.Errorf("it ended after %v", took)
		}
	})
}

// An interrupt does not wait for them.
func TestCountedCallbacksAreForwardedBeforeTheEnd(t *testing.T) {
	tests := []struct {
		name      string
		interrupt error
		want      Summary
	}{
		{"to their end", nil, Summary{Reason: ErrCounted, Done: 1, NotForwarded: 2}},
		{"until an interrupt", errInterrupted, Summary{Reason: errInterrupted, Done: 1, Waiting: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := listen(t, func(c *command, o *ListeningOptions) { o.Count, c.forwards.takes = 1, time.Hour })
				c.send("a")
				time.Sleep(time.Minute)
				if tt.interrupt != nil {
					c.interrupt(tt.interrupt)
				}
				c.end(tt.want, nil, "a")
				if diff := cmp.Diff([]string{"listener closed", "endpoint closed"}, c.m.order); diff != "" || c.forwards.closed != "finish true" {
					t.Errorf("%s %s", c.forwards.closed, diff)
				}
			})
		})
	}
}

func TestAnEndpointThatCannotBeOpenedEndsTheCommand(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name      string
		interrupt error
		limit     time.Duration
		want      Summary
		err       error
	}{
		{"by itself", nil, 0, Summary{}, refused},
		{"since it was interrupted", errInterrupted, 0, Summary{Reason: errInterrupted}, nil},
		{"within the time limit", nil, time.Second / 2, Summary{}, refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := listen(t, func(_ *command, o *ListeningOptions) {
					if tt.limit > 0 {
						o.Until = time.Now().Add(tt.limit)
					}
					o.Open = func(ctx context.Context) (Tunnel, error) {
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
						}
						return nil, refused
					}
				})
				if tt.interrupt != nil {
					c.interrupt(tt.interrupt)
				}
				c.end(tt.want, tt.err)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := &command{m: newMemory()}
		l, err := NewListening(t.Context(), ListeningOptions{Registry: Folder(t.TempDir()), Open: func(context.Context) (Tunnel, error) { return c.m, nil }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Run(t.Context(), &keeper{}, func(context.Context, func(error)) (Forwarder, error) { return nil, refused })
		if diff := cmp.Diff([]string{"endpoint closed"}, c.m.order); !errors.Is(err, refused) || diff != "" {
			t.Errorf("what cannot be forwarded: %v %s", err, diff)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAnInterruptedListenerDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, func(_ *command, o *ListeningOptions) { o.HealthPath, o.Drain = "/health", time.Minute })
		health := func(method string) int {
			r, err := http.NewRequest(method, "http://hook.example/health", nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.m.client(t).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			return answer.StatusCode
		}
		names := func() []string { return running(t, string(c.o.Registry.(Folder))) }
		synctest.Wait()
		if diff := cmp.Diff([]int{200, 200, 405}, []int{health("GET"), health("HEAD"), health("POST")}); diff != "" || len(names()) != 1 {
			t.Errorf("%v %s", names(), diff)
		}
		start := time.Now()
		c.interrupt(errInterrupted)
		time.Sleep(time.Minute / 2)
		if diff := cmp.Diff([]int{503, 200}, append([]int{health("GET")}, c.send("a")...)); diff != "" || names() != nil {
			t.Errorf("%v %s", names(), diff)
		}
		c.end(Summary{Reason: errInterrupted, Done: 1, Waiting: 1}, nil, "a")
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it ended after %v", took)
		}
		if diff := cmp.Diff([]string{"Ready", "Draining", "Accepted"}, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnlyAnInterruptDrains(t *testing.T) {
	broken := errors.New("broken pipe")
	for name, test := range map[string]struct {
		change func(*ListeningOptions)
		want   Summary
		err    error
	}{
		"the count": {func(o *ListeningOptions) { o.Count = 1 }, Summary{Reason: ErrCounted, Done: 1, NotForwarded: 2}, nil},
		"the time limit": {func(o *ListeningOptions) { o.Until = time.Now().Add(time.Second) },
			Summary{Reason: context.DeadlineExceeded, Done: 1, Waiting: 1}, nil},
		"a failure": {func(o *ListeningOptions) { o.Print = func(*narada.Result) error { return broken } }, Summary{Reason: broken, Waiting: 1}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := listen(t, func(_ *command, o *ListeningOptions) {
					o.Drain = time.Hour
					test.change(o)
				})
				start := time.Now()
				c.send("a")
				printed := slices.Repeat([]string{"a"}, test.want.Done)
				if len(printed) == 0 {
					printed = nil
				}
				if c.end(test.want, test.err, printed...); time.Since(start) > time.Minute {
					t.Errorf("it ended after %v", time.Since(start))
				}
			})
		})
	}
}

func TestAHealthPathIsNotWhereCallbacksAreReceived(t *testing.T) {
	for path, want := range map[string]string{
		"/health": "", "/a/b": "", "/naradahealth": "", "/": "",
		"health": `"health" is not a path`, "/a?b": `"/a?b" is not a path`, "/%41": `"/%41" is not a path`, "": `"" is not a path`,
		"/narada/health": "/narada/health is below /narada/, where callbacks are received", "/narada": "/narada is below /narada/, where callbacks are received",
	} {
		got := ""
		if err := CheckHealthPath(path); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
