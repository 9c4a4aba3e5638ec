package cmd

import (
	"context"
	"io"
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

// session is one command's run: the global flags, and what was made of them and
// of the settings.
type session struct {
	app      *App
	redactor *secret.Redactor
	talk     *term.Talk
	source   secret.Source

	quiet     bool
	verbose   bool
	logFormat string
	color     string
	profile   string
	baseURL   string

	settings *config.Settings
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
func (s *session) load(cmd *cobra.Command) error {
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
	settings, err := config.Load(config.Place{Getenv: s.app.getenv, Dir: s.app.Dir, Profile: s.profile}, flags)
	if err != nil {
		return err
	}
	s.settings = settings
	s.redactor.Hide(settings.Secret(config.APIKey), settings.Secret(config.NgrokAuthtoken))
	s.talk = s.newTalk()
	s.source = secret.Source{Lookup: s.app.Lookup, Stdin: s.app.Stdin}
	for _, warning := range settings.Warnings {
		s.talk.Warn("settings", warning)
	}
	return nil
}

// newTalk makes a Talk of the global flags as they are now.
func (s *session) newTalk() *term.Talk {
	level := term.Normal
	switch {
	case s.quiet:
		level = term.Quiet
	case s.verbose:
		level = term.Verbose
	}
	color := s.color
	if s.settings != nil {
		color = s.settings.Get(config.ColorMode).Text
	}
	return term.NewTalk(s.redactor, term.Options{
		Level: level, JSON: s.logFormat == "json",
		Color:    term.Color(term.ColorMode(color), s.app.getenv, s.app.StderrTerminal),
		Terminal: s.app.StderrTerminal,
		Spinner:  s.app.StderrTerminal && s.app.getenv("TERM") != "dumb",
		Width:    func() int { return term.Width(os.Stderr) },
	})
}

// addGlobals adds the flags that every command has.
func (s *session) addGlobals(f *pflag.FlagSet) {
	f.BoolVarP(&s.quiet, "quiet", "q", false, "say errors only")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "say what is sent and received too, secrets masked")
	f.StringVar(&s.logFormat, "log-format", "text", "`format` of stderr: text, or json for an object a line")
	f.StringVar(&s.color, "color", "", "`when` to colour: auto, always or never")
	f.StringVar(&s.profile, "profile", "", "`name` of a set of settings in the user file")
	f.StringVar(&s.baseURL, "base-url", "", "`URL` of the API")
}

// scanGlobals reads the global flags before the command line is parsed as a
// whole, and makes the Talk that they ask for. What is wrong with them is found
// later.
func (s *session) scanGlobals() {
	scan := pflag.NewFlagSet("globals", pflag.ContinueOnError)
	scan.ParseErrorsAllowlist.UnknownFlags = true
	scan.SetOutput(io.Discard)
	scanned := session{app: s.app, redactor: s.redactor}
	scanned.addGlobals(scan)
	scan.BoolP("help", "h", false, "")
	_ = scan.Parse(s.app.Args)
	s.talk = scanned.newTalk()
}

// checkGlobals finds what is wrong with the global flags.
func (s *session) checkGlobals() error {
	switch {
	case s.logFormat != "text" && s.logFormat != "json":
		return usageError("", "--log-format: %q is not text or json", s.logFormat)
	case s.quiet && s.verbose:
		return usageError("leave one of them out", "--quiet and --verbose ask for less and for more")
	}
	if s.color != "" {
		key, _ := config.FindKey(config.ColorMode)
		if err := key.Check(s.color); err != nil {
			return usageError("", "--color: %v", err)
		}
	}
	s.talk = s.newTalk()
	return nil
}

// exitField tells readers of JSON talk how the program ends.
func (s *session) exitField(code int) []term.Field {
	if code == codeSignal {
		return nil
	}
	return []term.Field{{Name: "exitCode", Value: code}}
}

// stdoutWidth is the columns of the terminal that stdout is.
func (s *session) stdoutWidth() int { return term.Width(os.Stdout) }

// proxy finds the proxy for an address from HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY.
func (s *session) proxy() func(*url.URL) (*url.URL, error) {
	env := func(name string) string {
		if value := s.app.getenv(name); value != "" {
			return value
		}
		return s.app.getenv(strings.ToLower(name))
	}
	c := httpproxy.Config{HTTPProxy: env("HTTP_PROXY"), HTTPSProxy: env("HTTPS_PROXY"), NoProxy: env("NO_PROXY")}
	return c.ProxyFunc()
}

func (s *session) transport() *http.Transport {
	t := narada.NewTransport()
	find := s.proxy()
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
func (s *session) cloud() (*cloud, error) {
	setting := s.settings.Get(config.BaseURL)
	base, err := narada.ParseBaseURL(setting.Text)
	if err != nil {
		return nil, &config.InvalidError{What: config.BaseURL + " (" + setting.Origin + ")", Err: err}
	}
	key := s.settings.Secret(config.APIKey)
	if key.Empty() {
		return nil, &exitError{code: codeUnauthorized, text: "no API key",
			next: "set NARADA_API_KEY, or store one: narada config set api-key -"}
	}
	client, err := s.newClient(key, base.String())
	if err != nil {
		return nil, &config.InvalidError{What: config.APIKey + " (" + s.settings.Get(config.APIKey).Origin + ")", Err: err}
	}
	return &cloud{client: client, baseURL: base}, nil
}

func (s *session) newClient(key secret.String, baseURL string) (*narada.Client, error) {
	return narada.NewClient(key.Reveal(),
		narada.WithBaseURL(baseURL),
		narada.WithTransport(&wire{next: s.transport(), talk: s.talk}),
		narada.WithUserAgent("narada-cli/"+s.app.Build.version()))
}

// deadline bounds ctx by d from the start of the command.
func (s *session) deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, s.app.start.Add(d), errTimeLimit)
}

// duration returns a setting that is a duration, which has been checked.
func (s *session) duration(name string) time.Duration {
	d, _ := config.ParseDuration(s.settings.Get(name).Text)
	return d
}

// warn says what a plan found odd.
func (s *session) warn(warnings []string) {
	for _, w := range warnings {
		s.talk.Warn("task", w)
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

func (s *session) printer(ctx context.Context, o outputFlags) (*printer, error) {
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
	stdout := s.app.Stdout
	if s.app.StdoutTerminal { // the spinner's own, perhaps
		stdout = s.talk.Over(stdout)
	}
	return &printer{
		Printer: output.NewPrinter(stdout, s.app.StdoutTerminal, query),
		json:    format == output.JSON || query != nil,
	}, nil
}
