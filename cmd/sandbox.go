package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/ui"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// docsURL has the guides.
const docsURL = "https://github.com/narada-cli/narada/blob/main/docs/"

type sandboxOptions struct {
	addr  string
	delay time.Duration // 0: that of the rules, or the default; negative: none
	rules string
	page  pageFlag
}

func newSandbox(inv *invocation) *cobra.Command {
	var o sandboxOptions
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a local stand-in for Narada Cloud",
		Long: `sandbox is a local Narada Cloud for tests: an HTTP server on a loopback address that
accepts tasks, answers after a delay and sends callbacks. It accepts any API key.

Rules decide the answers and the faults:
` + docsURL + `sandbox.md
It runs until it is interrupted.`,
		Example: `  narada sandbox &
  export NARADA_API_BASE_URL=http://127.0.0.1:8787/fast/v2 NARADA_API_KEY=any
  narada run "count the open issues of cli/cli"`,
		Args: usage.NoArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error {
			switch {
			case !cmd.Flags().Changed("delay"):
				o.delay = 0 // that of the rules
			case o.delay == 0:
				o.delay = -1
			case o.delay < 0:
				return usage.Errorf("", "--delay: must be at least 0s")
			}
			return runSandbox(cmd.Context(), inv, &o)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8787", "listen on the loopback address `HOST:PORT`")
	f.Var(units.DurationFlag(&o.delay, sandbox.DefaultDelay), "delay", "let a task take this `DURATION` if its rule has none")
	f.StringVar(&o.rules, "rules", "", "use the rules in `FILE` (YAML)")
	f.BoolVar(&o.page.on, "ui", false, "serve a web page with the tasks of the sandbox")
	return cmd
}

func runSandbox(ctx context.Context, inv *invocation, o *sandboxOptions) error {
	rules, err := loadRules(ctx, o.rules)
	if err != nil {
		return err
	}
	options := sandboxServerOptions(inv, o.addr, o.delay, rules)
	closePage, err := o.servePage(ctx, inv, &options)
	if err != nil {
		return err
	}
	defer closePage()
	server, err := sandbox.Start(ctx, options)
	if err != nil {
		if isInput(err) {
			return err
		}
		return &exitError{code: codeEndpoint, text: err.Error(), err: err}
	}
	inv.log.Info("ready", "the sandbox listens on "+server.URL())
	inv.log.Hint("export NARADA_API_BASE_URL=" + server.URL() + " NARADA_API_KEY=any")
	<-ctx.Done()
	return closeSandbox(server)
}

// servePage serves a page with the tasks of the sandbox until stop is called, if --ui is set.
// Its ledger is a temporary one.
func (o *sandboxOptions) servePage(ctx context.Context, inv *invocation, s *sandbox.Options) (stop func(), err error) {
	if !o.page.on {
		return func() {}, nil
	}
	dir, remove, err := atomicfile.TemporaryFolder("narada-sandbox-page-")
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	l, err := openLedgerIn(ctx, inv, dir, nil)
	if err != nil {
		remove()
		return nil, err
	}
	record := &ui.Record{Ledger: l, Failed: func(err error) { inv.log.Warn("page", "something is not on the page: "+err.Error()) }}
	record.Follow(ctx, s)
	closePage, err := servePage(ctx, inv, l, "the sandbox", nil)
	if err != nil {
		inv.closeLedger(l)
		remove()
		return nil, err
	}
	return func() {
		closePage()
		inv.closeLedger(l)
		remove()
	}, nil
}

func sandboxServerOptions(inv *invocation, addr string, delay time.Duration, rules *sandbox.Rules) sandbox.Options {
	return sandbox.Options{
		Addr: addr, Delay: delay, Rules: rules, Random: inv.app.Random, Transport: inv.transport(),
		Observe: func(e sandbox.Event) { logSandboxEvent(inv, e) },
	}
}

func loadRules(ctx context.Context, path string) (*sandbox.Rules, error) {
	if path == "" {
		return nil, nil
	}
	rules, err := sandbox.LoadRules(ctx, path)
	if err != nil {
		return nil, usage.Errorf("see the example in "+docsURL+"sandbox.md", "--rules: %v", err)
	}
	return rules, nil
}

func closeSandbox(server *sandbox.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), receive.CloseLimit)
	defer cancel()
	return server.Close(ctx)
}

// startSandbox starts a sandbox on a free port for this command, with a random API key.
func startSandbox(ctx context.Context, inv *invocation, rulesPath string, options ...narada.Option) (*cloud, func(), error) {
	rules, err := loadRules(ctx, rulesPath)
	if err != nil {
		return nil, nil, err
	}
	key, err := sandbox.NewKey(inv.app.Random)
	if err != nil {
		return nil, nil, err
	}
	o := sandboxServerOptions(inv, "127.0.0.1:0", 0, rules)
	o.APIKey = key
	server, err := sandbox.Start(ctx, o)
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: %w", err)
	}
	stop := func() {
		if err := closeSandbox(server); err != nil {
			inv.log.Detail("sandbox", "closing the sandbox: "+err.Error())
		}
	}
	inv.masker.Hide(secret.New(key))
	base, badURL := url.Parse(server.URL())
	c, badKey := newCloud(inv, secret.New(key), base, options...)
	if err := errors.Join(badURL, badKey); err != nil {
		stop()
		return nil, nil, fmt.Errorf("sandbox: %w", err)
	}
	inv.log.Info("sandbox", "this is the sandbox: nothing leaves your machine")
	return c, stop, nil
}

// logSandboxEvent logs, for -v, an event of the sandbox.
func logSandboxEvent(inv *invocation, e sandbox.Event) {
	line := fmt.Sprintf("sandbox: %s %s: %d", e.Method, e.Path, e.StatusCode)
	if e.Kind == sandbox.EventCallback {
		line = fmt.Sprintf("sandbox: callback for %s to %s, attempt %d: %d", e.RequestID, e.Host, e.Attempt, e.StatusCode)
	}
	if e.Err != nil {
		line += " " + e.Err.Error()
	}
	if e.Fault != "" {
		line += " (fault: " + e.Fault + ")"
	}
	inv.log.Detail("sandbox", term.OneLine(line))
}
