package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
)

// invocation is one command's run: the global flags, and what was made of them and
// of the settings.
type invocation struct {
	app    *App
	masker *secret.Masker
	log    *reporter
	source secret.Source

	quiet     bool
	verbose   bool
	logFormat string
	color     string
	profile   string
	baseURL   string

	settings *config.Settings
}

// newInvocation returns a command's run of which nothing is known yet.
func newInvocation(app *App) *invocation {
	inv := &invocation{app: app, masker: secret.NewMasker(term.OneLine, term.Visible), source: secret.Source{Lookup: app.Lookup, Stdin: app.Stdin}}
	inv.log = inv.newReporter()
	return inv
}

// Run runs one command and returns its exit code.
func (a *App) Run(ctx context.Context) (code int) {
	a.start, a.Stdin = a.now(), &endingReader{ctx: ctx, r: a.Stdin}
	inv := newInvocation(a)
	root := newRoot(inv, wanted(a.Args))
	inv.scanGlobals()
	defer func() {
		if fault := recover(); fault != nil {
			inv.log.Error("panic", fmt.Sprintf("a fault in narada: %v\n%s", fault, debug.Stack()),
				"please report it, with the lines above: https://github.com/narada-cli/narada/issues")
			code = codeUnexpected
		}
	}()
	root.SetArgs(a.Args)
	root.SetIn(a.Stdin)
	help := output.NewWriter(a.Stdout)
	root.SetOut(help)
	root.SetErr(a.Stderr)
	return inv.exit(ctx, errors.Join(root.ExecuteContext(ctx), help.Err()))
}

// addGlobals adds the flags that every command has.
func (inv *invocation) addGlobals(f *pflag.FlagSet) {
	f.BoolVarP(&inv.quiet, "quiet", "q", false, "say errors only")
	f.BoolVarP(&inv.verbose, "verbose", "v", false, "say what is sent and received too, secrets masked")
	f.StringVar(&inv.logFormat, "log-format", "text", "`format` of stderr: text, or json for an object a line")
	f.StringVar(&inv.color, "color", "", "`when` to colour: auto, always or never")
	f.StringVar(&inv.profile, "profile", "", "`name` of a set of settings in the user file")
	f.StringVar(&inv.baseURL, "base-url", "", "`URL` of the API")
	config.Bind(f, "color", config.ColorMode)
	config.Bind(f, "base-url", config.BaseURL)
}

// settingFlag adds a flag that sets a setting for this call.
func settingFlag(f *pflag.FlagSet, name, setting, usage string) {
	f.String(name, "", usage)
	config.Bind(f, name, setting)
}

// scanGlobals makes the reporter that the global flags ask for, wherever they stand,
// before the command line is parsed as a whole: what is wrong with it is said so,
// too.
func (inv *invocation) scanGlobals() {
	scan := pflag.NewFlagSet("globals", pflag.ContinueOnError)
	scan.ParseErrorsAllowlist.UnknownFlags = true
	scan.SetOutput(io.Discard)
	scanned := invocation{app: inv.app, masker: inv.masker}
	scanned.addGlobals(scan)
	scan.BoolP("help", "h", false, "")
	_ = scan.Parse(inv.app.Args)
	inv.log = scanned.newReporter()
}

// checkGlobals finds what is wrong with the global flags.
func (inv *invocation) checkGlobals() error {
	switch {
	case inv.logFormat != "text" && inv.logFormat != "json":
		return usageError("", "--log-format: %q is not text or json", inv.logFormat)
	case inv.quiet && inv.verbose:
		return usageError("leave one of them out", "--quiet and --verbose ask for less and for more")
	}
	if inv.color != "" {
		key, _ := config.FindKey(config.ColorMode)
		if err := key.Check(inv.color); err != nil {
			return usageError("", "--color: %v", err)
		}
	}
	inv.log = inv.newReporter()
	return nil
}

// withSettings makes the RunE of a command that needs the settings. Help, completion
// and version do not, and so work whatever is wrong with a file.
func (inv *invocation) withSettings(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := inv.load(cmd); err != nil {
			return err
		}
		return run(cmd, args)
	}
}

// load reads the settings, of which the command's flags are the first layer.
func (inv *invocation) load(cmd *cobra.Command) error {
	var empty error // a variable of a script that is not set, more often than not
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" {
			empty = usageError("", "--%s: the value is empty", f.Name)
		}
	})
	if empty != nil {
		return empty
	}
	settings, err := config.Load(config.Place{Getenv: inv.app.getenv, Dir: inv.app.Dir, Profile: inv.profile}, cmd.Flags())
	if err != nil {
		return err
	}
	inv.settings = settings
	for _, key := range config.Keys() {
		if key.Secret {
			inv.masker.Hide(settings.Secret(key.Name))
		}
	}
	inv.masker.Hide(secret.New(settings.Withheld.Text))
	inv.log = inv.newReporter()
	for _, warning := range settings.Warnings {
		inv.log.Warn("settings", warning)
	}
	return nil
}

// deadline bounds ctx by d from the start of the command.
func (inv *invocation) deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, inv.app.start.Add(d), errTimeLimit)
}

// duration returns a setting that is a duration.
func (inv *invocation) duration(name string) time.Duration { return inv.settings.Get(name).Duration() }

// warn says what a plan found odd.
func (inv *invocation) warn(warnings []string) {
	for _, w := range warnings {
		inv.log.Warn("task", w)
	}
}
