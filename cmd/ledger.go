package cmd

import (
	"context"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// stateDir is the folder for what narada keeps.
func (inv *invocation) stateDir() (string, error) {
	dir := inv.settings.Get(config.StateDir).Text
	if dir == "" {
		dir = config.StateFolder(config.Place{Getenv: inv.app.getenv})
	}
	if dir == "" {
		return "", &exitError{code: codeUnexpected, text: "there is no folder for what narada keeps: HOME is not set",
			next: "NARADA_STATE_DIR, or narada config set state-dir, names one"}
	}
	return dir, nil
}

// openLedger opens the ledger, which it makes where there is none.
func (inv *invocation) openLedger(ctx context.Context, o sqlite.Options) (*sqlite.Store, error) {
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, dir, o)
}

// openLedgerIfPossible opens the ledger for a command that does its job without
// one too: then there is a warning, and nil.
func (inv *invocation) openLedgerIfPossible(ctx context.Context, o sqlite.Options) *sqlite.Store {
	l, err := inv.openLedger(ctx, o)
	if err != nil {
		inv.warnOfLedger(err, "this task is not kept")
		return nil
	}
	return l
}

// existingLedger opens the ledger for a command that reads it; nil when nothing
// has been kept yet.
func (inv *invocation) existingLedger(ctx context.Context) (*sqlite.Store, error) {
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	if exists, err := sqlite.Exists(dir); !exists {
		return nil, err
	}
	return sqlite.Open(ctx, dir, sqlite.Options{})
}

// nothingKept says that there is no ledger yet, unless that is an error.
func (inv *invocation) nothingKept(err error) error {
	if err == nil {
		inv.log.Info("history", "nothing has been kept yet")
	}
	return err
}

// warnOfLedger says what does not work without the ledger.
func (inv *invocation) warnOfLedger(err error, consequence string) {
	inv.log.Warn("ledger", err.Error()+": "+consequence)
	if hint := hintOf(err); hint != "" {
		inv.log.Hint(hint)
	}
}

// closeLedger closes what was opened.
func (inv *invocation) closeLedger(l *sqlite.Store) {
	if l == nil {
		return
	}
	if err := l.Close(); err != nil {
		inv.log.Warn("ledger", err.Error())
	}
}
