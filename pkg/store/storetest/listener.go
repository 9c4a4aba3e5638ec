package storetest

import (
	"errors"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// The tests of a ledger that implements store.Listeners.
var listenerTests = []test{
	{"A listener is listed while it is ready", listenerIsListed},
	{"Replicas of a listener have one URL and one ticket", listenerReplicas},
	{"A name is free when the lease has ended", listenerLease},
	{"Of several that take a name at once one gets it", listenerRace},
}

const longLease = time.Hour

// listeners returns the ledger as two processes have it open.
func (l ledger) listeners() (one, other store.Listeners) {
	l.Helper()
	var ok bool
	if one, ok = l.open().Store.(store.Listeners); !ok {
		l.Skip("it is not a ledger of several machines")
	}
	return one, l.open().Store.(store.Listeners)
}

func listener(id, name, url string) store.Listener {
	return store.Listener{ID: id, Name: name, URL: url, Machine: "machine of " + id, PID: 42, Ticket: ticket(id), Lease: longLease}
}

// register registers a listener, and expects its ticket to verify a callback of the one
// called want, or else the name to be taken at that URL.
func (l ledger) register(in store.Listeners, one store.Listener, join bool, want, takenAt string) {
	l.Helper()
	t, err := in.RegisterListener(l.ctx(), one, join)
	var taken *store.NameTakenError
	switch {
	case errors.As(err, &taken):
		l.same("taken at", takenAt, taken.URL)
		return
	case err != nil:
		l.Fatal(err)
	case want == "":
		l.Fatalf("%s was registered", one.ID)
	}
	d := callback(want, final("req_1", want, ""))
	_, err = webhook.Verify(t, d.Header, d.Body)
	if l.must(err); t.Path != ticket(want).Path {
		l.Errorf("path %s", t.Path)
	}
}

// ready sets URL and Ready of a listener.
func (l ledger) ready(in store.Listeners, one store.Listener, ready bool) {
	l.Helper()
	one.Ready = ready
	ok, err := in.RenewListener(l.ctx(), one)
	if l.must(err); !ok {
		l.Errorf("%s is not registered", one.ID)
	}
}

func (l ledger) listed(in store.Listeners, want ...string) {
	l.Helper()
	list, err := in.RunningListeners(l.ctx())
	l.must(err)
	var got []string
	for _, one := range list {
		got = append(got, one.Name+" "+one.URL+" "+one.Machine)
		if since := time.Since(one.Since).Abs(); since > 2*time.Hour || one.PID != 42 { // by the clock of the ledger
			l.Errorf("%+v", one)
		}
	}
	l.same("listed", want, got)
}

func listenerIsListed(l ledger) {
	one, other := l.listeners()
	a, b := listener("a", "red", ""), listener("b", "blue", "https://b")
	l.register(one, a, true, "a", "")
	l.register(other, b, true, "b", "")
	l.listed(other)
	a.URL = "https://a"
	l.ready(one, a, true)
	l.ready(other, b, true)
	l.listed(one, "blue https://b machine of b", "red https://a machine of a")
	l.ready(other, b, false)
	l.listed(one, "red https://a machine of a")
	l.must(one.RemoveListener(l.ctx(), "a"))
	l.listed(one)
	if ok, err := one.RenewListener(l.ctx(), a); ok || err != nil {
		l.Errorf("a removed one was renewed: %v", err)
	}
}

func listenerReplicas(l ledger) {
	one, other := l.listeners()
	first := listener("a", "ci", "https://ci")
	l.register(one, first, true, "a", "")
	l.register(one, first, true, "a", "") // its answer was lost
	l.register(other, listener("b", "ci", "https://ci"), true, "a", "")
	l.register(other, listener("c", "ci", "https://other"), true, "", "https://ci")
	l.register(other, listener("d", "ci", "https://ci"), false, "", "https://ci")
	l.register(other, listener("e", "ci", ""), true, "", "https://ci")
	l.ready(one, first, true)
	l.ready(other, listener("b", "ci", "https://ci"), true)
	l.listed(other, "ci https://ci machine of a")
	l.must(one.RemoveListener(l.ctx(), "a"))
	l.listed(other, "ci https://ci machine of b")
	l.register(one, listener("f", "ci", "https://ci"), true, "a", "") // while one runs
	l.must(one.RemoveListener(l.ctx(), "f"))
	l.must(one.RemoveListener(l.ctx(), "b"))
	l.register(one, listener("g", "ci", "https://other"), true, "g", "")
}

func listenerLease(l ledger) {
	one, other := l.listeners()
	dead := listener("a", "ci", "https://ci")
	dead.Lease = -time.Second
	l.register(one, dead, true, "a", "")
	l.ready(one, dead, true)
	l.listed(other)
	dead.Lease = longLease // it was only asleep
	l.ready(one, dead, true)
	l.listed(other, "ci https://ci machine of a")
	dead.Lease = -time.Second
	l.ready(one, dead, true)
	l.register(other, listener("c", "ci", "https://ci"), true, "a", "") // the address is still in use
	l.must(other.RemoveListener(l.ctx(), "c"))
	dead.Lease = longLease
	l.ready(one, dead, true)
	dead.Lease = -time.Second
	l.ready(one, dead, true)
	l.register(other, listener("b", "ci", "https://other"), true, "b", "")
	if ok, err := one.RenewListener(l.ctx(), dead); ok || err != nil {
		l.Errorf("it has its name back: %v", err)
	}
}

func listenerRace(l ledger) {
	one, other := l.listeners()
	var racing sync.WaitGroup
	won := make(chan string, 20)
	for i := range 20 {
		racing.Go(func() {
			in := []store.Listeners{one, other}[i%2]
			id := string(rune('a' + i))
			_, err := in.RegisterListener(l.ctx(), listener(id, "ci", "https://"+id), true)
			if taken := (*store.NameTakenError)(nil); err == nil {
				won <- id
			} else if !errors.As(err, &taken) {
				l.Error(err)
			}
		})
	}
	racing.Wait()
	if len(won) != 1 {
		l.Errorf("%d have got the name", len(won))
	}
}
