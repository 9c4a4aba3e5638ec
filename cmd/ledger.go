package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// stateDir returns the folder of the ledger.
func (inv *invocation) stateDir() (string, error) {
	dir := inv.settings.Get(config.StateDir).Text
	if dir == "" {
		dir = config.StateFolder(config.Place{Getenv: inv.app.getenv})
	}
	if dir == "" {
		return "", &exitError{code: codeUnexpected, text: "no folder for the ledger: " + config.Home("LocalAppData") + " is not set",
			next: "set NARADA_STATE_DIR, or run narada config set state-dir DIR"}
	}
	return dir, nil
}

// openLedger opens the ledger, and creates it if there is none.
func (inv *invocation) openLedger(ctx context.Context, o sqlite.Options) (*sqlite.Store, error) {
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	return openLedgerIn(ctx, inv, dir, o)
}

// openLedgerIn opens the ledger in the folder.
func openLedgerIn(ctx context.Context, inv *invocation, dir string, o sqlite.Options) (*sqlite.Store, error) {
	o.Mask = inv.masker.Mask
	return sqlite.Open(ctx, dir, o)
}

// openLedgerIfPossible opens the ledger for a command that works without one too. On
// failure it warns and returns nil.
func openLedgerIfPossible(ctx context.Context, inv *invocation) *sqlite.Store {
	l, err := inv.openLedger(ctx, sqlite.Options{})
	if err != nil {
		inv.warnOfLedger(err, "this task is not stored")
		return nil
	}
	return l
}

// existingLedger opens the ledger for a command that reads it. It returns nil if there
// is none.
func (inv *invocation) existingLedger(ctx context.Context) (*sqlite.Store, error) {
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	if exists, err := sqlite.Exists(dir); !exists {
		return nil, err
	}
	return openLedgerIn(ctx, inv, dir, sqlite.Options{})
}

// withLedger makes the RunE of a command that reads the ledger and prints to stdout.
// Without a ledger it says what there is not.
func withLedger(inv *invocation, out *outputFlags, what string, run func(context.Context, *printer, *sqlite.Store) error) func(*cobra.Command, []string) error {
	return inv.printing(out, func(ctx context.Context, p *printer, _ []string) error {
		l, err := inv.existingLedger(ctx)
		if l == nil {
			return nothingKept(inv, what, err)
		}
		defer inv.closeLedger(l)
		return run(ctx, p, l)
	})
}

// selector selects tasks of the ledger, which may be nil.
func selector(l *sqlite.Store) history.Selector {
	if l == nil {
		return nil // not an interface that holds a nil pointer
	}
	return l
}

// nothingKept reports that there is nothing of that kind, for want of a ledger, unless err is
// not nil.
func nothingKept(inv *invocation, what string, err error) error {
	if err == nil {
		inv.log.Info("history", "no "+what+" yet")
	}
	return err
}

// warnOfLedger warns that the ledger failed, and what does not work without it.
func (inv *invocation) warnOfLedger(err error, consequence string) {
	warnWithHint(inv, "ledger", ": "+consequence, err)
}

// closeLedger closes the ledger, which may be nil.
func (inv *invocation) closeLedger(l *sqlite.Store) {
	if l == nil {
		return
	}
	if err := l.Close(); err != nil {
		inv.log.Warn("ledger", err.Error())
	}
}
