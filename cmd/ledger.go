package cmd

import (
	"context"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/ledger"
)

// stateDir is the folder for what narada keeps.
func (s *session) stateDir() (string, error) {
	dir := s.settings.Get(config.StateDir).Text
	if dir == "" {
		dir = config.StateFolder(config.Place{Getenv: s.app.getenv})
	}
	if dir == "" {
		return "", &exitError{code: codeUnexpected, text: "there is no folder for what narada keeps: HOME is not set",
			next: "NARADA_STATE_DIR, or narada config set state-dir, names one"}
	}
	return dir, nil
}

// openLedger opens the ledger, which it makes where there is none.
func (s *session) openLedger(ctx context.Context, o ledger.Options) (*ledger.Ledger, error) {
	dir, err := s.stateDir()
	if err != nil {
		return nil, err
	}
	return ledger.Open(ctx, dir, o)
}

// openLedgerIfPossible opens the ledger for a command that does its job without
// one too: then there is a warning, and nil.
func (s *session) openLedgerIfPossible(ctx context.Context, o ledger.Options) *ledger.Ledger {
	l, err := s.openLedger(ctx, o)
	if err != nil {
		s.warnOfLedger(err, "this task is not kept")
		return nil
	}
	return l
}

// warnOfLedger says what does not work without the ledger.
func (s *session) warnOfLedger(err error, consequence string) {
	s.talk.Warn("ledger", err.Error()+": "+consequence)
	if hint := hintOf(err); hint != "" {
		s.talk.Hint(hint)
	}
}

// closeLedger closes what was opened.
func (s *session) closeLedger(l *ledger.Ledger) {
	if l == nil {
		return
	}
	if err := l.Close(); err != nil {
		s.talk.Warn("ledger", err.Error())
	}
}
