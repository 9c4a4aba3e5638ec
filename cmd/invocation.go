package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/ci"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/usage"
)

// invocation is one run of the command line, with its global flags and settings.
type invocation struct {
	app    *App
	masker *secret.Masker
	log    *term.Reporter
	source secret.Source

	// All that is written goes through them, or through what newReporter and toStdout make.
	stdout, stderr *term.Writer

	quiet     bool
	verbose   bool
	logFormat output.Format
	color     string
	profile   string
	baseURL   string
	command   string // "narada run"

	allowUnsafeStore bool

	newProfile bool // the profile may not exist yet
	settings   *config.Settings
	summary    *ci.Summary // of a step on GitHub; nil: none is written
}

func newInvocation(app *App) *invocation {
	app.streams = signals.NewStreams(app.Stdin, app.Stdout, app.Stderr)
	inv := &invocation{
		app: app, masker: secret.NewMasker(term.OneLine, term.Visible), source: secret.Source{Lookup: app.Lookup, Stdin: app.Stdin},
		stdout: &term.Writer{W: app.streams.Out, Terminal: app.StdoutTerminal},
		stderr: &term.Writer{W: app.streams.Err, Terminal: app.StderrTerminal},
	}
	if app.StdinTerminal {
		inv.source.Ask = func(ctx context.Context, name string) (string, error) {
			return app.readSecret(ctx, inv.stderr, name+": ")
		}
	}
	if completes(app.Args) { // a shell has no place for messages
		inv.stderr.W = io.Discard
	}
	isURL := regexp.MustCompile(`^(--[\w-]+=)?[A-Za-z][\w+.-]*://`) // not only contains one, as a prompt may
	for _, arg := range app.Args {
		if isURL.MatchString(arg) {
			inv.masker.Hide(secret.InURLs(arg)...)
		}
	}
	for _, address := range network.ProxyAddresses(app.getenv) {
		inv.masker.Hide(secret.InURLs(address)...)
	}
	inv.log = newReporter(inv)
	return inv
}

// Run runs one command and returns its exit code.
func (a *App) Run(ctx context.Context) (code int) {
	a.start = a.now()
	inv := newInvocation(a)
	a.streams.Until(ctx)
	inv.source.Context = ctx
	root := newRoot(inv, commandsFor(a.Args))
	scanGlobals(inv)
	defer func() {
		if fault := recover(); fault != nil {
			crash := &panics.Error{Value: fault, Stack: debug.Stack()}
			inv.log.Error("panic", fmt.Sprintf("%v\n%s", crash, crash.Stack), reportCrash)
			code = codeUnexpected
		}
	}()
	root.SetArgs(a.Args)
	root.SetIn(a.streams.In)
	help := output.NewWriter(inv.stdout)
	root.SetOut(help)
	root.SetErr(inv.stderr)
	return exit(ctx, inv, errors.Join(root.ExecuteContext(ctx), help.Err()))
}

// reportCrash is the hint for an internal error.
const reportCrash = "report it, with the lines above, at https://github.com/narada-cli/narada/issues"

// logCrash logs, for -v, the stack of a panic that is the cause of an error.
func logCrash(inv *invocation, err error) {
	if crash, ok := errors.AsType[*panics.Error](err); ok {
		inv.log.Detail("panic", string(crash.Stack))
		inv.log.Detail("panic", reportCrash)
	}
}

// addGlobals adds the global flags.
func addGlobals(inv *invocation, f *pflag.FlagSet) {
	f.BoolVarP(&inv.quiet, "quiet", "q", false, "print errors only")
	f.BoolVarP(&inv.verbose, "verbose", "v", false, "print what is sent and received too, with secrets masked")
	f.Var(usage.Choice(&inv.logFormat, output.Text, output.Text, output.JSON), "log-format", "write stderr in `FORMAT`: text, or json for one object per line")
	f.Var(usage.Choice(&inv.color, "", "auto", "always", "never"), "color", "colour the output `WHEN`: auto, always or never")
	f.StringVar(&inv.profile, "profile", "", "use the settings of the profile `NAME` in the user file")
	f.StringVar(&inv.baseURL, "base-url", "", "send requests to the API at `URL`")
	f.BoolVar(&inv.allowUnsafeStore, "allow-unsafe-store", false, "use a store whose server may lose what it has acknowledged")
	config.Bind(f, "color", config.ColorMode)
	config.Bind(f, "base-url", config.BaseURL)
}

// settingFlag adds a flag that sets a setting for this call.
func settingFlag(f *pflag.FlagSet, name, setting, usage string) {
	f.String(name, "", usage)
	config.Bind(f, name, setting)
}

// choiceFlag adds a flag that has the values, the default and the value of a setting.
func choiceFlag(f *pflag.FlagSet, target *string, name, setting, usageText string) {
	key, _ := config.FindKey(setting) // or Fill panics
	f.Var(usage.Choice(target, key.Default, key.OneOf...), name, usageText)
	config.Fill(f, name, setting)
}

// scanGlobals makes the reporter that the global flags ask for before the whole command
// line is parsed, so that a parse error is reported as they say, too.
func scanGlobals(inv *invocation) {
	scan := pflag.NewFlagSet("globals", pflag.ContinueOnError)
	scan.ParseErrorsAllowlist.UnknownFlags = true
	scan.SetOutput(io.Discard)
	scanned := *inv
	addGlobals(&scanned, scan)
	scan.BoolP("help", "h", false, "")
	_ = scan.Parse(inv.app.Args)
	inv.log = newReporter(&scanned)
}

// checkGlobals checks the global flags.
func checkGlobals(inv *invocation) error {
	if inv.quiet && inv.verbose {
		return usage.Errorf("", "--quiet and --verbose cannot be used together")
	}
	inv.log = newReporter(inv)
	return nil
}

// withSettings makes the RunE of a command that needs the settings. Help, completion
// and version do not, and so work with an invalid settings file too.
func (inv *invocation) withSettings(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := inv.load(cmd); err != nil {
			return err
		}
		return run(cmd, args)
	}
}

// withNewProfile is withSettings for a command that makes the profile it is given.
func withNewProfile(inv *invocation, run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		inv.newProfile = true
		return inv.withSettings(run)(cmd, args)
	}
}

// load reads the settings. The command's flags are the first layer.
func (inv *invocation) load(cmd *cobra.Command) error {
	if err := usage.NoEmpty(cmd.Flags()); err != nil {
		return err
	}
	settings, err := config.Load(config.Place{Getenv: inv.app.getenv, Dir: inv.app.Dir, Profile: inv.profile, NewProfile: inv.newProfile, Found: func(v config.Value) {
		if inv.masker.Hide(secret.InURLs(v.Text)...); v.Key.Secret {
			inv.masker.Hide(secret.New(v.Text))
		}
	}}, cmd.Flags())
	if err != nil {
		return err
	}
	inv.settings, inv.command = settings, cmd.CommandPath()
	if err := settings.Apply(cmd.Flags()); err != nil {
		return err
	}
	inv.log = newReporter(inv)
	for _, warning := range settings.Warnings {
		inv.log.Warn("settings", warning)
	}
	if names, file := settings.FromProject(cmd.Flags()); len(names) > 0 {
		inv.log.Info("project-file", file+" sets "+strings.Join(names, ", "), slog.Any("settings", names))
	}
	return nil
}

// deadline ends ctx, and the reads and writes of the streams, after d, which is that of
// --timeout, counted from the start of the command.
func (inv *invocation) deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	limit := &timeLimitError{d, "--timeout"}
	if v := inv.settings.Get(config.Timeout); v.Layer != config.LayerFlag && v.Layer != config.LayerDefault {
		limit.origin = v.Origin
	}
	ctx, cancel := inv.app.streams.Deadline(ctx, inv.app.start.Add(d), limit)
	inv.source.Context = ctx
	return ctx, cancel
}

func (inv *invocation) duration(name string) time.Duration { return inv.settings.Get(name).Duration() }

// confirm asks the question on the terminal, unless yes, which is --yes. Every answer but
// yes is an error. hint says what to do where there is no terminal.
func confirm(ctx context.Context, inv *invocation, question string, yes bool, hint string) error {
	switch app := inv.app; {
	case yes:
		return nil
	case !app.StdinTerminal || !app.StderrTerminal:
		return usage.Errorf(hint, "not confirmed, and there is no terminal to ask on: %s", question)
	default:
		ok, err := term.Ask(ctx, app.streams.In, inv.stderr, inv.masker.Mask(question))
		switch {
		case ctx.Err() != nil:
			return &exitError{code: codeUnfinished, text: cause(context.Cause(ctx)) + ": nothing was done"}
		case err == nil && !ok:
			return usage.Errorf("", "not confirmed: nothing was done")
		}
		return err
	}
}

// warnOfTask logs the warnings about a task.
func (inv *invocation) warnOfTask(warnings []string) {
	for _, w := range warnings {
		inv.log.Warn("task", w)
	}
}

// newReporter makes a reporter of the global flags and settings as they are now, and lets
// the loggers of libraries follow it.
func newReporter(inv *invocation) *term.Reporter {
	app := inv.app
	o := term.ReporterOptions{Level: term.Normal, JSON: inv.logFormat == output.JSON, Mask: inv.masker.Mask}
	switch {
	case inv.quiet:
		o.Level = term.Quiet
	case inv.verbose:
		o.Level = term.Verbose
	}
	o.Screen = &term.Screen{
		W: colored(inv, inv.stderr), Width: app.stderrWidth,
		Spinner: app.StderrTerminal && !app.StdoutPipe && !o.JSON && app.getenv("TERM") != "dumb" && !term.On(app.getenv("CI")),
	}
	o.Screen.W.Workflow = onGitHub(inv)
	app.screen.Store(o.Screen)
	r := term.NewReporter(o)
	if app.Loggers != nil {
		app.Loggers(r.Logger("library"))
	}
	return r
}

// toStdout returns the writer of a command's output, with colours. On a terminal, perhaps
// that of the spinner, it writes above it.
func toStdout(inv *invocation) *term.Writer {
	w := colored(inv, inv.stdout)
	if w.Terminal {
		w = inv.log.Over(w)
	}
	return w
}

// colored returns w with colours, if they are on.
func colored(inv *invocation, w *term.Writer) *term.Writer {
	mode := inv.color
	if inv.settings != nil {
		mode = inv.settings.Get(config.ColorMode).Text
	}
	return &term.Writer{W: w.W, Terminal: w.Terminal, Color: term.Color(term.ColorMode(mode), inv.app.getenv, w.Terminal)}
}
