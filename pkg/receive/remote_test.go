package receive

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestCallbacksOfARemoteEndpointGoToItsListener(t *testing.T) {
	r := &Remote{Listener: Listener{Name: "a", URL: "https://a.example.com/hooks/"}, Random: rand.Reader}
	one, err := r.Issue()
	if err != nil {
		t.Fatal(err)
	}
	other, _ := r.Issue()
	if got, want := r.URL(one), "https://a.example.com/hooks"+one.Path; got != want || one.Secret == "" || one.Path == other.Path {
		t.Errorf("%s, want %s; the other one %s", got, want, other.Path)
	}
}

func TestTheEndOfAListenerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, elsewhere, b := Listener{Name: "a", URL: "https://a"}, Listener{Name: "a", URL: "https://elsewhere"}, Listener{Name: "b", URL: "https://a"}
		var mu sync.Mutex
		var list []Listener
		var failed error
		r := &Remote{Listener: a, Running: func(context.Context) ([]Listener, error) {
			mu.Lock()
			defer mu.Unlock()
			return list, failed
		}}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var changes []tunnel.EventKind
		go r.Watch(ctx, func(kind tunnel.EventKind) {
			mu.Lock()
			defer mu.Unlock()
			changes = append(changes, kind)
		})
		for _, step := range []struct {
			list   []Listener
			failed error
			want   []tunnel.EventKind
		}{
			{list: []Listener{b, a}},
			{failed: errors.New("not known")},
			{list: []Listener{b}, want: []tunnel.EventKind{tunnel.Lost}},
			{failed: errors.New("not known")},
			{list: []Listener{a}, want: []tunnel.EventKind{tunnel.Back}},
			{list: []Listener{b}, want: []tunnel.EventKind{tunnel.Lost}},
			{list: []Listener{b, elsewhere}, want: []tunnel.EventKind{tunnel.Back}},
		} {
			mu.Lock()
			list, failed, changes = step.list, step.failed, nil
			mu.Unlock()
			time.Sleep(3 * watchInterval)
			synctest.Wait()
			if diff := cmp.Diff(step.want, changes); diff != "" {
				t.Errorf("%+v: %s", step, diff)
			}
		}
		stop()
		if url := r.URL(webhook.Ticket{Path: "/t"}); url != "https://elsewhere/t" {
			t.Errorf("callbacks go to %s", url)
		}
	})
}
