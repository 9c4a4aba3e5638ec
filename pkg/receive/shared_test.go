package receive

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// leases is an in-memory store.Listeners.
type leases struct {
	mu    sync.Mutex
	fails error
	list  map[string]store.Listener // by ID
	until map[string]time.Time
}

func newLeases() *leases {
	return &leases{list: map[string]store.Listener{}, until: map[string]time.Time{}}
}

func (s *leases) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = err
}

func (s *leases) RegisterListener(_ context.Context, l store.Listener, join bool) (webhook.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, other := range s.list {
		switch {
		case other.Name != l.Name:
		case time.Now().After(s.until[id]):
			delete(s.list, id)
		case !join || other.URL != l.URL || l.URL == "":
			return l.Ticket, &store.NameTakenError{Name: l.Name, URL: other.URL}
		default:
			l.Ticket, _ = webhook.ParseDigest(other.Ticket.Path, other.Ticket.Digest())
		}
	}
	s.list[l.ID], s.until[l.ID] = l, time.Now().Add(l.Lease)
	return l.Ticket, s.fails
}

func (s *leases) RenewListener(_ context.Context, l store.Listener) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.list[l.ID]; !ok || s.fails != nil {
		return false, s.fails
	}
	s.list[l.ID], s.until[l.ID] = l, time.Now().Add(l.Lease)
	return true, nil
}

func (s *leases) RemoveListener(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, id)
	return s.fails
}

func (s *leases) RunningListeners(context.Context) (list []store.Listener, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.list {
		if l.Ready && time.Now().Before(s.until[id]) {
			list = append(list, l)
		}
	}
	return list, s.fails
}

func newTicket(t *testing.T) webhook.Ticket {
	t.Helper()
	ticket, err := NewTicket(rand.Reader, secret.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func TestASharedListenerRenewsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		later := func(d time.Duration) { // not at the moment of a renewal
			time.Sleep(d + leaseRenewal/2)
			synctest.Wait()
		}
		in, lost := newLeases(), make(chan error, 1)
		r, _, err := Shared{in, "here"}.Register(t.Context(), Candidate{Name: "a", URL: "https://a", Ticket: newTicket(t), Lost: func(err error) { lost <- err }})
		if err != nil {
			t.Fatal(err)
		}
		listed := func(want ...string) {
			t.Helper()
			list, _ := Shared{in, "there"}.Running(t.Context())
			var got []string
			for _, l := range list {
				got = append(got, l.Name+" "+l.URL)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		listed()
		if err := r.Publish(t.Context(), "https://a"); err != nil {
			t.Fatal(err)
		}
		later(time.Hour)
		listed("a https://a")
		if err := r.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(time.Hour)
		listed()
		if err := r.Publish(t.Context(), "https://a"); err != nil {
			t.Fatal(err)
		}

		// The ledger is not there for longer than the lease.
		in.fail(errors.New("gone"))
		later(time.Hour)
		in.fail(nil)
		later(leaseRenewal)
		listed("a https://a")

		// Meanwhile another one has got the name.
		in.fail(errors.New("gone"))
		later(time.Hour)
		in.fail(nil)
		other, _, err := Shared{in, "there"}.Register(t.Context(), Candidate{Name: "a", URL: "https://other"})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-lost; !isTaken(err) {
			t.Errorf("lost by %v", err)
		}
		for _, one := range []Registered{r, other} {
			if err := one.Close(); err != nil {
				t.Error(err)
			}
		}
		if len(in.list) > 0 {
			t.Errorf("left: %v", in.list)
		}
	})
}

// A failover may lose the registrations of the last moments.
func TestListenersThatTheServerHasLostRegisterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, lost := newLeases(), make(chan error, 2)
		var replicas []Registered
		register := func(url string, lost func(error)) {
			t.Helper()
			r, _, err := Shared{in, "here"}.Register(t.Context(), Candidate{Name: "ci", URL: url, Ticket: newTicket(t), Lost: lost})
			if err != nil {
				t.Fatal(err)
			}
			replicas = append(replicas, r)
		}
		forget := func() {
			in.mu.Lock()
			defer in.mu.Unlock()
			clear(in.list)
		}
		for range 2 {
			register("https://ci", func(err error) { lost <- err })
		}
		forget()
		time.Sleep(leaseRenewal + time.Second)
		synctest.Wait()
		if len(in.list) != 2 || len(lost) > 0 {
			t.Errorf("%d are registered, %d have ended", len(in.list), len(lost))
		}
		forget()
		register("https://ci", func(err error) { t.Error(err) }) // with a ticket of its own
		for range 2 {
			if err := <-lost; !isTaken(err) {
				t.Errorf("lost by %v", err)
			}
		}
		if len(in.list) != 1 {
			t.Errorf("%d are registered", len(in.list))
		}
		for _, r := range replicas {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestReplicasShareATicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newLeases()
		register := func(c Candidate) (Registered, webhook.Ticket, string) {
			t.Helper()
			c.Ticket, c.Lost = newTicket(t), func(err error) { t.Error(err) }
			if !c.Given.Secret().Empty() {
				c.Ticket.Secret = c.Given.Secret().Reveal()
			}
			r, ticket, err := Shared{in, "here"}.Register(t.Context(), c)
			if err != nil {
				return nil, ticket, err.Error()
			}
			return r, ticket, ""
		}
		mine := secret.NewCredentials(secret.New("mine"), nil)
		one, ticket, _ := register(Candidate{Name: "ci", URL: "https://ci", Given: mine})
		for _, given := range []secret.Credentials{{}, mine, secret.NewCredentials(secret.String{}, ticket.Header)} {
			other, shared, failed := register(Candidate{Name: "ci", URL: "https://ci", Given: given})
			if failed != "" || shared.Path != ticket.Path || shared.Secret != "" || shared.Digest() != ticket.Digest() {
				t.Fatalf("%q %q", failed, shared.Path)
			}
			if err := other.Close(); err != nil {
				t.Error(err)
			}
		}
		const credentials = `the running listener "ci" has another callback secret, or other headers`
		for _, refused := range []struct {
			c    Candidate
			want string
		}{
			{Candidate{Name: "ci", URL: "https://other"}, `a listener named "ci" is already running at https://ci`},
			{Candidate{Name: "ci"}, `a listener named "ci" is already running at https://ci`},
			{Candidate{Name: "ci", URL: "https://ci", Given: secret.NewCredentials(secret.New("yours"), nil)}, credentials},
			{Candidate{Name: "ci", URL: "https://ci", Given: secret.NewCredentials(secret.String{}, http.Header{"Authorization": {"other"}})}, credentials},
			{Candidate{Name: "ci", URL: "https://ci", Given: secret.NewCredentials(secret.String{}, http.Header{"X-Other": {"a"}})}, credentials},
		} {
			if _, _, got := register(refused.c); got != refused.want {
				t.Errorf("%+v: %s, want %s", refused.c, got, refused.want)
			}
		}
		if len(in.list) != 1 {
			t.Errorf("%d are registered", len(in.list))
		}

		// A name that is chosen is no replica's.
		var names []string
		for range 2 {
			r, _, failed := register(Candidate{URL: "https://ci"})
			if failed != "" {
				t.Fatal(failed)
			}
			names = append(names, r.Name())
			defer r.Close()
		}
		if !slices.Equal(names, []string{"listen-1", "listen-2"}) {
			t.Error(names)
		}
		if err := one.Close(); err != nil {
			t.Error(err)
		}
	})
}
