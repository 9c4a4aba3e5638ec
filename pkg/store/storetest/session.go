package storetest

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

var sessionTests = []test{
	{"A session is stored before and after its start", startedSession},
	{"The end of a session is stored once", endedSession},
	{"Sessions are pruned with the tasks of their time", prunedSessions},
}

func (h handle) sessions(open bool, limit int) (keys []string) {
	h.t.Helper()
	list, err := h.Sessions(h.ctx(), open, limit)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range list {
		keys = append(keys, s.Key)
	}
	return keys
}

func (h handle) putSession(key string, after time.Duration) store.Session {
	h.t.Helper()
	s := store.Session{Key: key, StartedAt: start.Add(after), ID: "id-" + key, Cloud: "https://api.example.com"}
	h.write(&store.PutSession{Session: s})
	return s
}

func startedSession(l ledger) {
	h := l.open()
	s := store.Session{Key: "a", StartedAt: start, Name: "nightly", Cloud: "https://api.example.com", Machine: "here", EndsAt: start.Add(time.Hour)}
	h.write(&store.PutSession{Session: s})
	got, err := h.Sessions(l.ctx(), true, 0)
	l.must(err)
	l.same("before the answer", []store.Session{s}, got)
	s.ID, s.Window = "s1", "w1"
	h.write(&store.PutSession{Session: s})
	got, err = l.open().Sessions(l.ctx(), false, 0)
	l.must(err)
	l.same("after it", []store.Session{s}, got)
	h.putSession("b", time.Second)
	h.putSession("c", time.Second)
	l.same("the newest first", []string{"b", "c", "a"}, h.sessions(false, 0))
	l.same("the newest", []string{"b"}, h.sessions(false, 1))
	h.write(&store.ForgetSession{Key: "b"}, &store.ForgetSession{Key: "none"})
	l.same("the others", []string{"c", "a"}, h.sessions(false, 0))
}

func endedSession(l ledger) {
	h := l.open()
	s := h.putSession("a", 0)
	h.putSession("b", 0)
	h.write(&store.PutSession{Session: store.Session{Key: "unknown", StartedAt: start, Cloud: s.Cloud}})
	h.write(&store.EndSession{Cloud: s.Cloud, At: start}, &store.EndSession{Cloud: "https://other.example", ID: s.ID, At: start})
	l.same("after ends of others", []string{"a", "b", "unknown"}, h.sessions(true, 0))
	h.write(&store.EndSession{Cloud: s.Cloud, ID: s.ID, Status: narada.SessionFailed, At: start.Add(time.Minute)})
	h.write(&store.EndSession{Cloud: s.Cloud, ID: s.ID, Status: store.SessionEnded, At: start.Add(time.Hour)})
	l.same("open ones", []string{"b", "unknown"}, h.sessions(true, 0))
	s.EndedAt, s.Status = start.Add(time.Minute), narada.SessionFailed
	list, err := h.Sessions(l.ctx(), false, 1)
	l.must(err)
	l.same("the ended one", []store.Session{s}, list)
}

func prunedSessions(l ledger) {
	h := l.open()
	prune := func(limits store.Limits) {
		_, err := h.Prune(l.ctx(), limits)
		l.must(err)
	}
	old := h.putSession("old", 0)
	h.putSession("open", 0)
	timed := store.Session{Key: "timed out", StartedAt: start, ID: "t", Cloud: old.Cloud, EndsAt: start.Add(time.Minute)}
	late := h.putSession("late", 0)
	h.write(&store.PutSession{Session: timed}, &store.EndSession{Cloud: old.Cloud, ID: old.ID, At: start.Add(time.Minute)}, &store.EndSession{Cloud: late.Cloud, ID: late.ID, At: start.Add(2 * time.Hour)})
	h.putSession("young", 2*time.Hour)
	prune(store.Limits{Keep: 10})
	l.same("all", []string{"young", "late", "old", "open", "timed out"}, h.sessions(false, 0))
	prune(store.Limits{Before: start.Add(time.Hour)})
	l.same("those that may be running, and the young", []string{"young", "late", "open"}, h.sessions(false, 0))
	prune(store.Limits{Before: start.Add(time.Hour), Open: true})
	l.same("the young", []string{"young"}, h.sessions(false, 0))
}
