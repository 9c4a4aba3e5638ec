package cmd

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpproxy"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
)

// invocation is one command's run: the global flags, and what was made of them and
// of the settings.
type invocation struct {
	app      *App
	redactor *secret.Masker
	talk     *reporter
	source   secret.Source

	quiet     bool
	verbose   bool
	logFormat string
	color     string
	profile   string
	baseURL   string

	settings *config.Settings
}

// newInvocation returns a command's run that nothing is known of yet.
func newInvocation(app *App) *invocation {
	inv := &invocation{app: app, redactor: secret.NewMasker(term.OneLine, term.Visible)}
	inv.talk = inv.newTalk()
	return inv
}

// settingFlags are the flags that set a setting for this once, wherever they
// stand.
func settingFlags() [][2]string {
	return [][2]string{
		{"color", config.ColorMode},
		{"base-url", config.BaseURL},
		{"timeout", config.Timeout},
		{"poll-interval", config.PollInterval},
		{"window", config.BrowserWindowID},
		{"agent", config.Agent},
		{"time-zone", config.TimeZone},
		{"public-url", config.PublicURL},
		{"ngrok-domain", config.NgrokDomain},
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
	flags := map[string]config.Flag{}
	for _, pair := range settingFlags() {
		name, setting := pair[0], pair[1]
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		flags[setting] = config.Flag{Name: name, Value: f.Value.String()}
	}
	settings, err := config.Load(config.Place{Getenv: inv.app.getenv, Dir: inv.app.Dir, Profile: inv.profile}, flags)
	if err != nil {
		return err
	}
	inv.settings = settings
	for _, key := range config.Keys() {
		if key.Secret {
			inv.redactor.Hide(settings.Secret(key.Name))
		}
	}
	inv.talk = inv.newTalk()
	inv.source = secret.Source{Lookup: inv.app.Lookup, Stdin: inv.app.Stdin}
	for _, warning := range settings.Warnings {
		inv.talk.Warn("settings", warning)
	}
	return nil
}

// addGlobals adds the flags that every command has.
func (inv *invocation) addGlobals(f *pflag.FlagSet) {
	f.BoolVarP(&inv.quiet, "quiet", "q", false, "say errors only")
	f.BoolVarP(&inv.verbose, "verbose", "v", false, "say what is sent and received too, secrets masked")
	f.StringVar(&inv.logFormat, "log-format", "text", "`format` of stderr: text, or json for an object a line")
	f.StringVar(&inv.color, "color", "", "`when` to colour: auto, always or never")
	f.StringVar(&inv.profile, "profile", "", "`name` of a set of settings in the user file")
	f.StringVar(&inv.baseURL, "base-url", "", "`URL` of the API")
}

// scanGlobals reads the global flags before the command line is parsed as a
// whole, and makes the reporter that they ask for. What is wrong with them is found
// later.
func (inv *invocation) scanGlobals() {
	scan := pflag.NewFlagSet("globals", pflag.ContinueOnError)
	scan.ParseErrorsAllowlist.UnknownFlags = true
	scan.SetOutput(io.Discard)
	scanned := invocation{app: inv.app, redactor: inv.redactor}
	scanned.addGlobals(scan)
	scan.BoolP("help", "h", false, "")
	_ = scan.Parse(inv.app.Args)
	inv.talk = scanned.newTalk()
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
	inv.talk = inv.newTalk()
	return nil
}

// exitField tells readers of JSON talk how the program ends.
func (inv *invocation) exitField(code int) []slog.Attr {
	if code == codeSignal {
		return nil
	}
	return []slog.Attr{slog.Any("exitCode", code)}
}

// stdoutWidth is the columns of the terminal that stdout is.
func (inv *invocation) stdoutWidth() int { return term.Width(os.Stdout) }

// proxy finds the proxy for an address from HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY.
func (inv *invocation) proxy() func(*url.URL) (*url.URL, error) {
	env := func(name string) string {
		if value := inv.app.getenv(name); value != "" {
			return value
		}
		return inv.app.getenv(strings.ToLower(name))
	}
	c := httpproxy.Config{HTTPProxy: env("HTTP_PROXY"), HTTPSProxy: env("HTTPS_PROXY"), NoProxy: env("NO_PROXY")}
	return c.ProxyFunc()
}

func (inv *invocation) transport() *http.Transport {
	t := narada.NewTransport()
	find := inv.proxy()
	t.Proxy = func(r *http.Request) (*url.URL, error) { return find(r.URL) }
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	return t
}

// cloud is where a command finds its API.
type cloud struct {
	client  *narada.Client
	baseURL *url.URL
}

// cloud makes the client of the API that the settings name.
func (inv *invocation) cloud() (*cloud, error) {
	setting := inv.settings.Get(config.BaseURL)
	base, err := narada.ParseBaseURL(setting.Text)
	if err != nil {
		return nil, &config.InvalidError{What: config.BaseURL + " (" + setting.Origin + ")", Err: err}
	}
	key := inv.settings.Secret(config.APIKey)
	if key.Empty() {
		return nil, &exitError{code: codeUnauthorized, text: "no API key",
			next: "set NARADA_API_KEY, or store one: narada config set api-key -"}
	}
	client, err := inv.newClient(key, base.String())
	if err != nil {
		return nil, &config.InvalidError{What: config.APIKey + " (" + inv.settings.Get(config.APIKey).Origin + ")", Err: err}
	}
	return &cloud{client: client, baseURL: base}, nil
}

func (inv *invocation) newClient(key secret.String, baseURL string) (*narada.Client, error) {
	return narada.NewClient(key.Reveal(),
		narada.WithBaseURL(baseURL),
		narada.WithTransport(&wire{next: inv.transport(), talk: inv.talk}),
		narada.WithUserAgent("narada-cli/"+inv.app.Build.version()))
}

// deadline bounds ctx by d from the start of the command.
func (inv *invocation) deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, inv.app.start.Add(d), errTimeLimit)
}

// duration returns a setting that is a duration, which has been checked.
func (inv *invocation) duration(name string) time.Duration {
	d, _ := config.ParseDuration(inv.settings.Get(name).Text)
	return d
}

// warn says what a plan found odd.
func (inv *invocation) warn(warnings []string) {
	for _, w := range warnings {
		inv.talk.Warn("task", w)
	}
}

// outputFlags are -o and --jq.
type outputFlags struct {
	format string
	jq     string
}

func (o *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "`format` of stdout: text or json")
	cmd.Flags().StringVar(&o.jq, "jq", "", "print what the jq `expression` makes of the JSON; strings come out raw")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// printer is stdout as a command writes to it.
type printer struct {
	*output.Printer
	json bool // documents, and not text, are wanted
}

func (inv *invocation) printer(ctx context.Context, o outputFlags) (*printer, error) {
	format, err := output.ParseFormat(o.format)
	if err != nil {
		return nil, usageError("", "--output: %v", err)
	}
	var query *output.Query
	if o.jq != "" {
		if query, err = output.ParseQuery(ctx, o.jq); err != nil {
			return nil, usageError("", "--jq: %v", err)
		}
	}
	stdout := inv.app.Stdout
	if inv.app.StdoutTerminal { // the spinner's own, perhaps
		stdout = inv.talk.Over(stdout)
	}
	return &printer{
		Printer: output.NewPrinter(stdout, inv.app.StdoutTerminal, query),
		json:    format == output.JSON || query != nil,
	}, nil
}
