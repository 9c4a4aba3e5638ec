package cmd

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/doctor"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/tunnel"
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
		Short: "Is everything in place? Says what to do if not",
		Long: `doctor looks at what narada needs, a line each: PASS, WARN, FAIL or SKIP, what was
looked at, what was seen and how long that took, and below it what to do.

It asks the API for a task that does not exist, which costs nothing and shows whether
the key is accepted; opens a public address as narada listen does, and sends a sample
callback to itself there. With --endpoint it also does what narada check does.

It exits with 3 when something has failed.`,
		Example: `  narada doctor

  # and an endpoint of yours
  narada doctor --endpoint https://example.com/api/narada/webhook --yes --callback-secret env:NARADA_CALLBACK_SECRET

  # in CI: what has failed
  narada doctor -o json --jq 'select(.verdict == "FAIL")'`,
		Args: noArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"allow-http", "timeout", "yes", "callback-secret", "callback-header"} {
				if o.url == "" && cmd.Flags().Changed(name) {
					return usageError("add --endpoint URL", "--%s is about an endpoint of yours", name)
				}
			}
			return runDoctor(cmd.Context(), inv, &o)
		}),
	}
	cmd.Flags().StringVar(&o.url, "endpoint", "", "`URL` of an endpoint of yours, to check it too")
	o.endpoint.add(cmd)
	o.catch.add(cmd)
	o.out.add(cmd)
	return cmd
}

func runDoctor(ctx context.Context, inv *invocation, o *doctorOptions) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	options := o.checks(inv)
	if o.url != "" {
		if options.Check, err = o.endpoint.check(ctx, inv, o.url); err != nil {
			return err
		}
	}
	d := doctor.New(options)
	defer inv.log.Show("looking", "looking", doctorMeter{d})()
	return printFindings(ctx, inv, p, "looked", d.Run(ctx), true)
}

// checks are the options of the checks without that of an endpoint of the user's.
func (o *doctorOptions) checks(inv *invocation) doctor.Options {
	s := inv.settings
	d := doctor.Options{
		Warnings: len(s.Warnings),
		StateDir: inv.stateDir,
		Ledger: func(ctx context.Context) (doctor.Ledger, error) {
			l, err := inv.existingLedger(ctx)
			if l == nil {
				return nil, err // and no interface with nothing in it
			}
			return l, err
		},
		BaseURL: s.Get(config.BaseURL).Text, BaseURLOrigin: s.Get(config.BaseURL).Origin,
		APIKey: s.Secret(config.APIKey), APIKeyOrigin: s.Get(config.APIKey).Origin,
		UserAgent: "narada-cli/" + inv.app.Build.version(),
		API:       &loggedTransport{inv.transport(), inv.log},
		Endpoint:  func() (tunnel.Config, bool, error) { return o.catch.config(inv, true) },
		Transport: inv.transport(), Random: inv.app.Random, Proxy: proxyFunc(inv.app), Quote: output.ShellWord,
		Explain: func(err error) (text, advice string) {
			return errorText(err), cmp.Or(hintOf(err), "narada doctor -v says more; a fault of narada's is reported at https://github.com/narada-cli/narada/issues")
		},
	}
	for _, key := range config.Keys() {
		if v := s.Get(key.Name); v.Set() && v.Layer != config.LayerDefault {
			d.Settings = append(d.Settings, doctor.Setting{Name: key.Name, Origin: v.Origin})
		}
	}
	if s.Withheld.Set() {
		d.NoAPIKey = noKey(s)
	}
	if token := s.Get(config.NgrokAuthtoken); token.Set() {
		d.AuthtokenOrigin = token.Origin
	}
	return d
}

// doctorMeter shows which check is under way.
type doctorMeter struct{ *doctor.Doctor }

// Draw implements term.Meter.
func (m doctorMeter) Draw() string { return m.Progress() }

// Text implements term.Meter.
func (m doctorMeter) Text() string { return m.Progress() }
