package cmd

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/postgres"
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

// openLedger opens the ledger, and creates it if there is none. stored, which may be nil, is
// called with each callback that it stores. As long as it is open, old tasks are deleted.
func (inv *invocation) openLedger(ctx context.Context, stored func(store.Entry)) (l store.Ledger, err error) {
	if sharesLedger(inv) {
		l, err = openSharedLedger(ctx, inv, stored)
	} else if dir, failed := inv.stateDir(); failed != nil {
		return nil, failed
	} else {
		l, err = openLedgerIn(ctx, inv, dir, stored)
	}
	if err == nil {
		l.Retain(inv.duration(config.Retention), func(err error) { inv.warnOfLedger(err, "this command deletes no old tasks (retention)") })
	}
	return l, err
}

// openLedgerIn opens the ledger in the folder.
func openLedgerIn(ctx context.Context, inv *invocation, dir string, stored func(store.Entry)) (store.Ledger, error) {
	l, err := sqlite.Open(ctx, dir, sqlite.Options{Stored: stored, Mask: inv.masker.Mask})
	if err != nil {
		return nil, err // not an interface that holds a nil pointer
	}
	return l, nil
}

// sharesLedger reports whether the settings name a ledger that several machines share.
func sharesLedger(inv *invocation) bool { return inv.settings.Get(config.Store).Set() }

// openSharedLedger opens the ledger that the settings name.
func openSharedLedger(ctx context.Context, inv *invocation, stored func(store.Entry)) (store.Ledger, error) {
	l, err := openPostgres(ctx, inv, inv.settings.Get(config.Store).Text, stored)
	if err != nil {
		return nil, err // not an interface that holds a nil pointer
	}
	return l, nil
}

// openPostgres opens the ledger at the URL.
func openPostgres(ctx context.Context, inv *invocation, url string, stored func(store.Entry)) (*postgres.Store, error) {
	l, err := postgres.Open(ctx, sharedOptions(inv, url, stored))
	if err != nil && ctx.Err() != nil {
		return nil, &exitError{code: codeUnreachable, text: cause(err), err: err}
	}
	return l, err
}

// lastingConnections is how many connections to the ledger at a URL each command has that works
// for many tasks. Another one has one connection: there may be hundreds of them.
var lastingConnections = map[string]int{"narada listen": 3, "narada batch run": 3, "narada batch work": 3, "narada ui": 3}

// sharedOptions are the options of the ledger at the URL.
func sharedOptions(inv *invocation, url string, stored func(store.Entry)) postgres.Options {
	warn := func(text string) { inv.log.Warn("ledger", text) }
	if strings.HasPrefix(inv.command, "narada batch ") { // which says it by itself, of reads too
		warn = func(text string) { inv.log.Detail("ledger", text) }
	}
	return postgres.Options{
		Connections: cmp.Or(lastingConnections[inv.command], 1),
		URL:         url, Schema: inv.settings.Get(config.StoreSchema).Text, Application: inv.command,
		AllowUnsafe: inv.allowUnsafeStore, Stored: stored, Mask: inv.masker.Mask, Warn: warn,
	}
}

// openLedgerIfPossible opens the ledger for a command that works without one too. If that on
// this machine fails, it warns and returns nil.
func openLedgerIfPossible(ctx context.Context, inv *invocation) (store.Ledger, error) {
	l, err := inv.openLedger(ctx, nil)
	if err != nil && !sharesLedger(inv) {
		inv.warnOfLedger(err, "this task is not stored")
		return nil, nil
	}
	return l, err
}

// openLedgerFor opens the ledger for a command that needs one, or works without one too.
func openLedgerFor(ctx context.Context, inv *invocation, needed bool) (store.Ledger, error) {
	if needed {
		return inv.openLedger(ctx, nil)
	}
	return openLedgerIfPossible(ctx, inv)
}

// existingLedger opens the ledger for a command that reads it. It returns nil if there
// is none.
func (inv *invocation) existingLedger(ctx context.Context) (store.Ledger, error) {
	if sharesLedger(inv) {
		return openSharedLedger(ctx, inv, nil)
	}
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	if exists, err := sqlite.Exists(dir); !exists {
		return nil, err
	}
	return openLedgerIn(ctx, inv, dir, nil)
}

// withLedger makes the RunE of a command that reads the ledger and prints to stdout.
// Without a ledger it says what there is not.
func withLedger(inv *invocation, out *outputFlags, what string, run func(context.Context, *printer, store.Ledger) error) func(*cobra.Command, []string) error {
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
func selector(l store.Ledger) history.Selector {
	if l == nil {
		return nil // not an interface that holds one
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
func (inv *invocation) closeLedger(l store.Ledger) {
	if l == nil {
		return
	}
	if err := l.Close(); err != nil {
		inv.log.Warn("ledger", err.Error())
	}
}
