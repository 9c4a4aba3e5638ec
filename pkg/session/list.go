package session

import (
	"context"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// What is known of a session's end, besides the statuses with which it was ended.
const (
	open    = "open"    // it was not stopped from here, and its timeout is not over or not known
	expired = "expired" // its timeout is over
	unknown = "unknown" // it may have been started: no answer came
)

// Lister is the ledger as List uses it.
type Lister interface {
	Sessions(ctx context.Context, open bool, limit int) ([]store.Session, error)
}

// List returns the sessions as they are known now, with running only those that may be running,
// the newest first, at most limit if it is not 0. more says that there are others.
func List(ctx context.Context, l Lister, now time.Time, running bool, limit int) (list []Document, more bool, err error) {
	want := 0
	if limit > 0 && !running { // else those that have expired are left out
		want = limit + 1
	}
	found, err := l.Sessions(ctx, running, want)
	for _, s := range found {
		if d := NewDocument(s, now); !running || d.MayRun() {
			list = append(list, d)
		}
	}
	if more = limit > 0 && len(list) > limit; more {
		list = slices.Clip(list[:limit])
	}
	return list, more, err
}

// Document is a session of the ledger as JSON.
type Document struct {
	ID        string     `json:"sessionId,omitempty"`
	Window    string     `json:"browserWindowId,omitempty"`
	Name      string     `json:"name,omitempty"`
	Status    string     `json:"status"`
	StartedAt time.Time  `json:"startedAt"`
	EndsAt    *time.Time `json:"endsAt,omitempty"` // by its timeout
	EndedAt   *time.Time `json:"endedAt,omitempty"`
	Cloud     string     `json:"cloud"`
	Machine   string     `json:"machine,omitempty"`
}

// NewDocument returns a session as it is known now.
func NewDocument(s store.Session, now time.Time) Document {
	return Document{s.ID, s.Window, s.Name, status(s, now), s.StartedAt, optional(s.EndsAt), optional(s.EndedAt), s.Cloud, s.Machine}
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func status(s store.Session, now time.Time) string {
	switch {
	case s.Status != "":
		return string(s.Status)
	case !s.EndsAt.IsZero() && !now.Before(s.EndsAt):
		return expired
	case s.ID == "":
		return unknown
	}
	return open
}

// MayRun reports whether the session may be running.
func (d Document) MayRun() bool { return d.Status == open || d.Status == unknown }
