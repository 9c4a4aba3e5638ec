package session

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// storeLimit is the time limit for storing something about a session.
const storeLimit = 5 * time.Second

// write stores something about a session, even if ctx has ended.
func (s *Sessions) write(ctx context.Context, op store.Op) {
	if s.Store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	if err := s.Store.Write(ctx, op); err != nil && !s.warned {
		s.warned = true
		s.Report(NotStored{err})
	}
}

// intend stores a session that is about to be started: it costs, even if this process ends
// before the API has answered.
func (s *Sessions) intend(ctx context.Context, r narada.SessionRequest) store.Session {
	kept := store.Session{Key: uuid.NewString(), StartedAt: time.Now(), Name: r.Name, Cloud: s.Cloud, Machine: s.Machine}
	if r.Timeout > 0 {
		kept.EndsAt = kept.StartedAt.Add(r.Timeout)
	}
	s.write(ctx, &store.PutSession{Session: kept})
	return kept
}

// keep stores what has become of a start.
func (s *Sessions) keep(ctx context.Context, kept store.Session, started *narada.Session, err error) {
	failure, answered := errors.AsType[*narada.SessionError](err)
	switch {
	case started != nil:
		kept.ID, kept.Window = started.ID, started.BrowserWindowID
		s.write(ctx, &store.PutSession{Session: kept})
	case answered && !failure.Maybe:
		s.write(ctx, &store.ForgetSession{Key: kept.Key})
	}
}

func (s *Sessions) ended(ctx context.Context, id string, status narada.SessionStatus) {
	s.write(ctx, &store.EndSession{Cloud: s.Cloud, ID: id, Status: status, At: time.Now()})
}
