package storetest

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/narada-cli/narada/pkg/store"
)

var followTests = []test{
	{"Follow yields the callbacks of all processes after a number", followSeesAll},
	{"FollowOthers does not yield the callbacks of its own Store", followOthers},
	{"FollowOthers yields the wanted callbacks alone", followWanted},
	{"FollowOthers yields what was wanted when the callback was stored", followWantedLater},
	{"Follow yields each callback once and in order", followInOrder},
	{"Follow ends with its context", followEnds},
}

// take returns the next count callbacks.
func take(l ledger, entries iter.Seq2[store.Entry, error], count int) (list []store.Entry) {
	l.Helper()
	for e, err := range entries {
		l.must(err)
		if list = append(list, e); len(list) == count {
			break
		}
	}
	return list
}

func followSeesAll(l ledger) {
	h, other := l.open(), l.open()
	other.deliver("a", final("req_0", "a", "before"))
	after, err := h.Last(l.ctx())
	l.must(err)
	follow, stop := context.WithCancel(l.ctx())
	defer stop()
	seen := make(chan string)
	var following sync.WaitGroup
	following.Go(func() {
		for e, err := range h.Follow(follow, after) {
			if err != nil {
				l.Error(err)
			}
			seen <- e.Path + " " + e.Result.RequestID + " " + e.Result.Text()
		}
	})
	for i, by := range []handle{other, h, other} {
		id := fmt.Sprintf("req_%d", i+1)
		by.deliver("a", final(id, "a", "after"))
		if got := <-seen; got != "/narada/a "+id+" after" {
			l.Errorf("saw %s", got)
		}
	}
	stop()
	following.Wait()
}

func followOthers(l ledger) {
	h, other := l.open(), l.open()
	follow, stop := context.WithCancel(l.ctx())
	defer stop()
	seen := make(chan string, 1000)
	var following sync.WaitGroup
	following.Go(func() {
		for e, err := range h.FollowOthers(follow, 0, func() store.Wanted { return store.Wanted{Paths: []string{"/narada/a"}} }) {
			if err != nil {
				l.Error(err)
			}
			seen <- e.Result.RequestID
		}
	})
	other.deliver("a", final("other_first", "a", ""))
	if got := <-seen; got != "other_first" { // following has started
		l.Fatalf("saw %s", got)
	}
	var want, got []string
	for i := range 100 {
		h.deliver("a", final(fmt.Sprint("own_", i), "a", ""))
		if i%10 == 0 {
			want = append(want, fmt.Sprint("other_", i))
			other.deliver("a", final(want[len(want)-1], "a", ""))
		}
	}
	for range want {
		got = append(got, <-seen)
	}
	l.same("seen", want, got)
	stop()
	following.Wait()
	// Who follows all sees them.
	all := take(l, h.Follow(l.ctx(), 0), 111)
	if own := strings.Count(fmt.Sprint(idsOf(all)), "own_"); own != 100 {
		l.Errorf("%d of its own callbacks", own)
	}
}

func followWanted(l ledger) {
	h, other := l.open(), l.open()
	follow, stop := context.WithCancel(l.ctx())
	defer stop()
	for i := range 300 { // more than a page
		other.deliver("a", final(fmt.Sprint("before_", i), "a", ""))
	}
	other.deliver("b", final("req_1", "b", ""))
	other.deliver("c", final("req_2", "c", ""))
	other.deliver("d", final("req_3", "d", ""))
	wanted := func() store.Wanted {
		return store.Wanted{Paths: []string{"/narada/b", "/narada/none"}, RequestIDs: []string{"req_3", "req_none"}}
	}
	l.same("wanted", []string{"req_1", "req_3"}, idsOf(take(l, h.FollowOthers(follow, 0, wanted), 2)))
	nothing := func() store.Wanted { defer stop(); return store.Wanted{} }
	for e, err := range h.FollowOthers(follow, 0, nothing) {
		l.Errorf("nothing is wanted, got %+v, %v", e, err)
	}
}

func followWantedLater(l ledger) {
	h, other := l.open(), l.open()
	follow, stop := context.WithCancel(l.ctx())
	defer stop()
	asked, want := make(chan bool), make(chan store.Wanted)
	wanted := func() store.Wanted {
		select {
		case asked <- true:
			return <-want
		case <-follow.Done():
			return store.Wanted{}
		}
	}
	seen := make(chan string)
	var following sync.WaitGroup
	following.Go(func() {
		for e, err := range h.FollowOthers(follow, 0, wanted) {
			if err != nil {
				l.Error(err)
			}
			seen <- e.Result.RequestID
		}
	})
	other.deliver("a", final("req_1", "a", ""))
	<-asked
	// It is stored after the follower has asked what is wanted.
	other.deliver("b", final("req_2", "b", ""))
	want <- store.Wanted{Paths: []string{"/narada/a"}}
	l.same("first", "req_1", <-seen)
	<-asked
	want <- store.Wanted{Paths: []string{"/narada/b"}}
	l.same("then", "req_2", <-seen)
	stop()
	following.Wait()
}

func idsOf(entries []store.Entry) (ids []string) {
	for _, e := range entries {
		ids = append(ids, e.Result.RequestID)
	}
	return ids
}

func followInOrder(l ledger) {
	const processes, each = 3, 40
	h := l.open()
	var children []*child
	for i := range processes {
		children = append(children, l.start(job{Do: "deliver", Prefix: fmt.Sprintf("req_%d", i), Count: each}))
	}
	follow, stop := context.WithCancel(l.ctx())
	defer stop()
	result := make(chan []store.Entry)
	go func() { result <- take(l, h.Follow(follow, 0), processes*each) }()
	for _, c := range children {
		c.release()
	}
	live := <-result
	for _, c := range children {
		c.wait()
	}
	seen := map[string]bool{}
	for i, e := range live {
		if i > 0 && e.Seq <= live[i-1].Seq {
			l.Errorf("%d comes after %d", e.Seq, live[i-1].Seq)
		}
		if seen[e.Result.RequestID] {
			l.Errorf("%s was yielded twice", e.Result.RequestID)
		}
		seen[e.Result.RequestID] = true
	}
	l.same("what is read afterwards", idsOf(live), idsOf(take(l, l.open().Follow(l.ctx(), 0), len(live))))
	half := len(live) / 2
	l.same("what is read from the middle on", idsOf(live[half:]), idsOf(take(l, h.Follow(l.ctx(), live[half-1].Seq), len(live)-half)))
}

func followEnds(l ledger) {
	h := l.open()
	h.deliver("a", final("req_1", "a", ""))
	follow, stop := context.WithCancel(l.ctx())
	for e, err := range h.Follow(follow, 0) {
		if err != nil || e.Result.RequestID != "req_1" {
			l.Errorf("got %+v, %v", e, err)
		}
		stop()
	}
	stop()
	for range h.Follow(follow, 0) {
		l.Error("there is something after its end")
	}
}
