package receive

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// A listener is taken for dead when it has not renewed its lease for leaseLimit.
const (
	leaseLimit   = 15 * time.Second
	leaseRenewal = 5 * time.Second
)

// Shared is the registry of the machines that share a ledger. Several listeners may have a
// name, as replicas behind a load balancer: they have the same URL and the same ticket.
type Shared struct {
	Store   store.Listeners
	Machine string // name of this machine
}

// Register implements Registry. A listener whose name is chosen for it is no replica.
func (s Shared) Register(ctx context.Context, c Candidate) (Registered, webhook.Ticket, error) {
	r := &sharedRegistration{store: s.Store, join: c.Name != ""}
	t, err := firstFree(c.Name, func(name string) (webhook.Ticket, error) {
		r.listener = store.Listener{
			ID: uuid.NewString(), Name: name, URL: c.URL, Machine: s.Machine, PID: os.Getpid(), Ticket: c.Ticket, Lease: leaseLimit,
		}
		t, err := s.Store.RegisterListener(ctx, r.listener, r.join)
		if taken, ok := errors.AsType[*store.NameTakenError](err); ok {
			err = &NameError{Name: name, Taken: true, URL: taken.URL, Kept: leaseLimit}
		}
		return t, err
	})
	if err != nil {
		return nil, t, err
	}
	r.listener.Ticket = t
	r.running, r.stop = context.WithCancel(context.Background())
	r.renewing.Go(func() { r.renew(c.Lost) })
	if !fits(t, c.Given) {
		return nil, t, errors.Join(&NameError{Name: r.Name(), Given: true}, r.Close())
	}
	return r, t, nil
}

// fits reports whether the ticket has the credentials, as far as they are given.
func fits(t webhook.Ticket, given secret.Credentials) bool {
	digests := func(t webhook.Ticket) (d struct {
		Header map[string]string
		Secret string
	}) {
		_ = json.Unmarshal([]byte(t.Digest()), &d) // strings
		return d
	}
	want, got := digests(t), digests(webhook.Ticket{Header: given.Header(), Secret: given.Secret().Reveal()})
	for name, digest := range got.Header {
		if want.Header[name] != digest {
			return false
		}
	}
	return given.Secret().Empty() || want.Secret == got.Secret
}

// Running implements Registry.
func (s Shared) Running(ctx context.Context) (list []Listener, err error) {
	running, err := s.Store.RunningListeners(ctx)
	for _, l := range running {
		list = append(list, Listener{Name: l.Name, URL: l.URL, PID: l.PID, Since: l.Since})
	}
	return list, err
}

// sharedRegistration is a listener of this process, whose lease is renewed until Close.
type sharedRegistration struct {
	store    store.Listeners
	join     bool // it may be a replica
	running  context.Context
	stop     context.CancelFunc
	renewing sync.WaitGroup

	mu       sync.Mutex
	listener store.Listener
}

// Name implements Registered.
func (r *sharedRegistration) Name() string { return r.listener.Name }

// Publish implements Registered.
func (r *sharedRegistration) Publish(ctx context.Context, url string) error {
	return r.set(ctx, func(l *store.Listener) { l.URL, l.Ready = url, true })
}

// Withdraw implements Registered.
func (r *sharedRegistration) Withdraw(ctx context.Context) error {
	return r.set(ctx, func(l *store.Listener) { l.Ready = false })
}

// set changes the listener and renews its lease.
func (r *sharedRegistration) set(ctx context.Context, change func(*store.Listener)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.listener)
	ok, err := r.store.RenewListener(ctx, r.listener)
	if err == nil && !ok {
		ok, err = r.registerAgain(ctx)
	}
	if err == nil && !ok {
		err = &NameError{Name: r.listener.Name, Taken: true}
	}
	return err
}

// registerAgain registers the listener if the server has lost it, as after a failover. ok is
// false if the name is another one's, or has another ticket now.
func (r *sharedRegistration) registerAgain(ctx context.Context) (ok bool, err error) {
	t, err := r.store.RegisterListener(ctx, r.listener, r.join)
	if _, taken := errors.AsType[*store.NameTakenError](err); taken {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if t.Path != r.listener.Ticket.Path {
		return false, r.store.RemoveListener(ctx, r.listener.ID)
	}
	return r.store.RenewListener(ctx, r.listener)
}

// renew renews the lease until Close, or until another listener has the name.
func (r *sharedRegistration) renew(lost func(error)) {
	tick := time.Tick(leaseRenewal)
	for {
		select {
		case <-tick:
		case <-r.running.Done():
			return
		}
		err := r.set(r.running, func(*store.Listener) {})
		if isTaken(err) && r.running.Err() == nil { // another error is temporary
			lost(err)
			return
		}
	}
}

// Close implements Registered.
func (r *sharedRegistration) Close() error {
	r.stop()
	r.renewing.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), CloseLimit)
	defer cancel()
	return r.store.RemoveListener(ctx, r.listener.ID)
}
