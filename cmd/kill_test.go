package cmd

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/webhook"
)

const (
	killCallbacks = 2000
	killSenders   = 32
	killTimes     = 20
)

// However often a listener is killed and started again, the ledger has each callback that
// it acknowledged, complete and once.
func TestAcknowledgedCallbacksSurviveKills(t *testing.T) {
	needUnix(t)
	dir, address := t.TempDir(), freeAddress(t)
	tickets := intendTickets(t, dir, killCallbacks)
	listen := startKilled(t, dir, address)

	sending := startSending(t, address, tickets, killSenders)
	for _, moment := range killMoments() {
		for sending.acknowledged.Load() < moment {
			time.Sleep(100 * time.Microsecond)
		}
		listen.kill(t)
		listen = startKilled(t, dir, address)
	}
	sending.Wait()
	listen.stop(t)
	checkKept(t, dir)
}

// killMoments are the numbers of acknowledgements after which the listener is killed, at an
// arbitrary point of its work.
func killMoments() []int64 {
	var moments []int64
	for range killTimes {
		moments = append(moments, mathrand.Int64N(killCallbacks-killSenders))
	}
	slices.Sort(moments)
	return moments
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// intendTickets stores n tasks, and returns the tickets of their callbacks.
func intendTickets(t *testing.T, dir string, n int) []webhook.Ticket {
	t.Helper()
	l, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tickets, intents := make([]webhook.Ticket, n), make([]store.Intent, n)
	for i := range tickets {
		if tickets[i], err = webhook.NewTicket(rand.Reader, receive.Prefix); err != nil {
			t.Fatal(err)
		}
		intents[i] = store.Intent{Source: "dispatch", Prompt: killText(i), Ticket: tickets[i], At: time.Now()}
	}
	if _, err := l.Intend(t.Context(), intents); err != nil {
		t.Fatal(err)
	}
	return tickets
}

func killText(i int) string { return fmt.Sprintf("answer %d %s", i, strings.Repeat("x", 600)) }

func killBody(i int, secret string) string {
	return fmt.Sprintf(`{"requestId":"req_%d","status":"success","response":{"text":%q},"completedAt":"2026-01-01T00:00:00Z","secret":%s}`, i, killText(i), secret)
}

// killed is a running listener that will be killed.
type killed struct{ *exec.Cmd }

func startKilled(t *testing.T, dir, address string) killed {
	t.Helper()
	c := exec.Command("narada", "listen", "-q", "--addr", address, "--public-url", "https://hooks.example.com")
	c.Env = append(os.Environ(), "NARADA_STATE_DIR="+dir, "HOME="+dir, "GORACE=atexit_sleep_ms=0")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return killed{c}
}

func (k killed) kill(t *testing.T) {
	if err := k.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = k.Wait()
}

func (k killed) stop(t *testing.T) {
	if err := k.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := k.Wait(); err != nil {
		t.Errorf("the listener ends with %v", err)
	}
}

// sending is the sending of callbacks.
type sending struct {
	sync.WaitGroup
	acknowledged atomic.Int64
}

// startSending sends the callback of each ticket until it is acknowledged, that many at once.
func startSending(t *testing.T, address string, tickets []webhook.Ticket, senders int) *sending {
	var s sending
	work := make(chan int)
	for range senders {
		s.Go(func() {
			for i := range work {
				sendUntilTaken(t, address, tickets[i], i)
				s.acknowledged.Add(1)
			}
		})
	}
	s.Go(func() {
		for i := range tickets {
			work <- i
		}
		close(work)
	})
	return &s
}

// sendUntilTaken sends the callback, and repeats it as the cloud does until it is
// acknowledged.
func sendUntilTaken(t *testing.T, address string, ticket webhook.Ticket, i int) {
	body := killBody(i, fmt.Sprintf("%q", ticket.Secret))
	for start := time.Now(); time.Since(start) < time.Minute; {
		r, err := http.NewRequest(http.MethodPost, "http://"+address+ticket.Path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header = ticket.Header.Clone()
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil { // it was killed
			time.Sleep(time.Millisecond)
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			return
		case http.StatusServiceUnavailable:
			time.Sleep(time.Millisecond)
		default:
			t.Errorf("callback %d: status %d", i, resp.StatusCode)
			return
		}
	}
	t.Errorf("callback %d was not taken within a minute", i)
}

func checkKept(t *testing.T, dir string) {
	t.Helper()
	l, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range killCallbacks {
		task, ok, err := l.Task(t.Context(), fmt.Sprint("req_", i))
		if err != nil || !ok || task.Open() || task.Prompt != killText(i) {
			t.Fatalf("task %d: %v, %v, %+v", i, ok, err, task)
		}
		deliveries, err := l.Deliveries(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		if len(deliveries) != 1 || !bytes.Equal(deliveries[0].Body, []byte(killBody(i, "null"))) {
			t.Fatalf("callback %d is there %d times: %v", i, len(deliveries), deliveries)
		}
	}
}
