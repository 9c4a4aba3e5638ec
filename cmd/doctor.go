package cmd

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/doctor"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/postgres"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/usage"
)

type doctorOptions struct {
	out      outputFlags
	catch    catchFlags
	endpoint endpointFlags
	url      string
}

func newDoctor(inv *invocation) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the settings, the API, the ledger and the tunnel",
		Long: `doctor checks what narada needs, and prints a line for each check: PASS, WARN, FAIL or
SKIP, the check, what it found, its duration, and below it what to do.

To check the API key it asks the API for a task that does not exist, which costs
nothing. It opens a public address as narada listen does, and sends a sample callback
to it. With --endpoint it also runs the tests of narada check. Of a ledger that machines
share it checks the server, the role's rights, and the settings on which its promises
depend.

Exit code 3: a check failed.`,
		Example: `  narada doctor

  # also check your endpoint
  narada doctor --endpoint https://example.com/api/narada/webhook --yes --callback-secret env:NARADA_CALLBACK_SECRET

  # in CI: the failures
  narada doctor -o json --jq 'select(.verdict == "FAIL")'`,
		Args: func(cmd *cobra.Command, args []string) error {
			return cmp.Or(usage.NoArgs(cmd, args), usage.Requires(cmd.Flags(), "endpoint", append(targetFlagNames, "timeout", "yes", "callback-secret", "callback-header")...))
		},
		RunE: inv.printing(&o.out, func(ctx context.Context, p *printer, _ []string) error { return runDoctor(ctx, inv, p, &o) }),
	}
	cmd.Flags().StringVar(&o.url, "endpoint", "", "also check your endpoint at `URL`")
	o.endpoint.add(cmd)
	o.catch.add(cmd)
	o.out.add(cmd)
	return cmd
}

func runDoctor(ctx context.Context, inv *invocation, p *printer, o *doctorOptions) (err error) {
	options := o.checks(inv)
	if o.url != "" {
		if options.Check, err = o.endpoint.check(ctx, inv, "--endpoint: ", o.url); err != nil {
			return err
		}
	}
	d := doctor.New(options)
	defer inv.log.Show("looking", "checking", term.TextMeter(d.Progress))()
	return printFindings(ctx, inv, p, "looked", d.Run(ctx), true)
}

// checks are the options of the checks, without Options.Check.
func (o *doctorOptions) checks(inv *invocation) doctor.Options {
	s := inv.settings
	d := doctor.Options{
		Warnings: len(s.Warnings),
		StateDir: inv.stateDir,
		Ledger: func(ctx context.Context) (doctor.Ledger, error) {
			l, err := inv.existingLedger(ctx)
			if l == nil {
				return nil, err // not an interface that holds a nil pointer
			}
			return l, err
		},
		BaseURL: s.Get(config.BaseURL).Text, BaseURLOrigin: s.Get(config.BaseURL).Origin,
		APIKey: s.Secret(config.APIKey), APIKeyOrigin: s.Get(config.APIKey).Origin,
		ReplaceKey: s.ReplaceKey(output.ShellWord),
		Mask:       inv.masker.MaskHTTP, UserAgent: "narada-cli/" + inv.app.Build.version(),
		Window:    s.Get(config.BrowserWindowID).Text,
		API:       loggedTransport(inv),
		Endpoint:  func() (tunnel.Config, bool, error) { return o.catch.config(inv, true) },
		Transport: inv.transport(), Random: inv.app.Random, Proxy: network.Proxy(inv.app.getenv), Quote: output.ShellWord,
		Explain: func(err error) (text, advice string) {
			return errorText(err), cmp.Or(hintOf(inv, err), "narada doctor -v shows more; report a bug at https://github.com/narada-cli/narada/issues")
		},
	}
	if sharesLedger(inv) {
		d.Server = func(ctx context.Context) (store.Server, error) {
			return postgres.Examine(ctx, sharedOptions(inv, s.Get(config.Store).Text, nil))
		}
	}
	for _, key := range config.Keys() {
		if v := s.Get(key.Name); v.Set() && v.Layer != config.LayerDefault {
			d.Settings = append(d.Settings, doctor.Setting{Name: key.Name, Origin: v.Origin})
		}
	}
	if d.APIKey.Empty() && s.Get(config.BaseURL).Layer != config.LayerDefault {
		d.NoAPIKey = s.NoKey(output.ShellWord)
	}
	if token := s.Get(config.NgrokAuthtoken); token.Set() {
		d.AuthtokenOrigin = token.Origin
	}
	return d
}
