package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Session is a cloud browser session that was started from here.
type Session struct {
	Key       string    // unique; who starts the session makes it up
	StartedAt time.Time // when the start was asked for
	ID        string    // "": it is not known whether it was started
	Window    string    // ID of its browser window, "" if unknown
	Name      string
	Cloud     string    // address of the API
	Machine   string    // that started it, "" if unknown
	EndsAt    time.Time // by its timeout; zero: not known
	EndedAt   time.Time // when its end became known; zero: it may be running
	Status    narada.SessionStatus
}

// SessionEnded is the status of a session that had ended before it was to be stopped.
const SessionEnded narada.SessionStatus = "ended"

// PutSession adds a session, or replaces the one with its key.
type PutSession struct{ Session Session }

// ForgetSession deletes a session that was not started.
type ForgetSession struct{ Key string }

// EndSession stores the end of a session, if it is known and has none.
type EndSession struct {
	Cloud, ID string
	Status    narada.SessionStatus
	At        time.Time
}

func (*PutSession) op()    {}
func (*ForgetSession) op() {}
func (*EndSession) op()    {}
