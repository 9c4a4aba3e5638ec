package cmd

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store/postgres"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/store/storecopy"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

type storeCopyOptions struct {
	out      outputFlags
	from, to string
}

func newStoreCopy(inv *invocation) *cobra.Command {
	var o storeCopyOptions
	cmd := &cobra.Command{
		Use:   "copy --from STORE --to STORE",
		Short: "Copy a ledger to another engine",
		Long: `copy copies a ledger to an empty one: a postgres: URL, or a state folder with an SQLite
database. Give a URL with a password as env:NAME, file:PATH or - (stdin). In a database
the ledger is in the schema that the setting store-schema names.

The copy is read back and compared before it is kept. If anything fails, or you
interrupt it, the target is as empty as before. Nothing is deleted from the source; what
other commands write to it after the start of copy is not copied, so stop them first.`,
		Example: `  narada store copy --from ~/.local/state/narada --to postgres://narada@db1/narada
  narada store copy --from env:STORE_URL --to ./backup`,
		Args: usage.NoArgs,
		RunE: inv.printing(&o.out, func(ctx context.Context, p *printer, _ []string) error { return runStoreCopy(ctx, inv, p, &o) }),
	}
	cmd.Flags().StringVar(&o.from, "from", "", "copy the ledger of `STORE`: a postgres: URL or a folder")
	cmd.Flags().StringVar(&o.to, "to", "", "copy to `STORE`: a postgres: URL or a folder")
	o.out.add(cmd)
	return cmd
}

func runStoreCopy(ctx context.Context, inv *invocation, p *printer, o *storeCopyOptions) error {
	if err := cmp.Or(resolveStore(inv, "--from", &o.from), resolveStore(inv, "--to", &o.to)); err != nil {
		return err
	}
	if exists, err := sqlite.Exists(o.from); !isStoreURL(o.from) && !exists {
		return cmp.Or(err, usage.Errorf("narada store info prints where a ledger is", "--from: no ledger in %s", o.from))
	}
	from, err := openStore(ctx, inv, o.from)
	if err != nil {
		return err
	}
	defer inv.closeLedger(from)
	to, err := openStore(ctx, inv, o.to)
	if err != nil {
		return err
	}
	defer inv.closeLedger(to)
	var c storecopy.Copy
	hide := inv.log.Show("copy", "copying", term.TextMeter(func() string { return units.Count(c.Rows(), "row") }))
	counts, err := c.Run(ctx, from, to)
	hide()
	if full, ok := errors.AsType[*storecopy.NotEmptyError](err); ok {
		return usage.Errorf("copy to a new folder, an empty database, or another schema: NARADA_STORE_SCHEMA=NAME", "--to: %v", full)
	}
	if e, ok := errors.AsType[*postgres.Error](err); ok && e.NotSync() {
		return &exitError{code: codeUnexpected, text: "the copy is complete, but lost if the server fails now: " + e.Error(), next: "start the standby, and look with narada doctor", err: err}
	}
	if err != nil {
		return err
	}
	inv.log.Info("copied", "the copy is the same as the source")
	return p.Print(counts, counts.String())
}

// openStore opens the ledger at a URL or in a folder, and creates it if there is none.
func openStore(ctx context.Context, inv *invocation, place string) (storecopy.Ledger, error) {
	if isStoreURL(place) {
		l, err := openPostgres(ctx, inv, place, nil)
		if err != nil {
			return nil, err
		}
		return l, nil
	}
	l, err := sqlite.Open(ctx, place, sqlite.Options{Mask: inv.masker.Mask})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// isStoreURL reports whether the place is a URL, and no folder.
func isStoreURL(place string) bool { return strings.Contains(place, "://") }

// resolveStore replaces a reference to a store, and checks the value.
func resolveStore(inv *invocation, flag string, value *string) error {
	key, _ := config.FindKey(config.Store)
	switch {
	case *value == "":
		return usage.Errorf("a postgres: URL, or the state folder of narada store info", "%s is missing", flag)
	case secret.IsReference(*value):
		resolved, err := inv.source.Resolve(flag, *value)
		if err != nil {
			return usage.Errorf("", "%s: %v", flag, err)
		}
		inv.masker.Hide(secret.InURLs(resolved.Reveal())...)
		*value = strings.TrimSpace(resolved.Reveal())
	case isStoreURL(*value):
		if err := checkNoPassword(flag, *value); err != nil {
			return err
		}
	}
	if isStoreURL(*value) {
		if err := key.Check(*value); err != nil {
			return usage.Errorf("", "%s: %v, and no folder", flag, err)
		}
	}
	return nil
}
