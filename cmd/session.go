package cmd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
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
func settingFlags() map[string]string {
	return map[string]string{
		"color":         config.ColorMode,
		"base-url":      config.BaseURL,
		"timeout":       config.Timeout,
		"poll-interval": config.PollInterval,
		"window":        config.BrowserWindowID,
		"agent":         config.Agent,
		"time-zone":     config.TimeZone,
		"public-url":    config.PublicURL,
		"ngrok-domain":  config.NgrokDomain,
	}
}

// load reads the settings, of which the command's flags are the first layer.
func (s *session) load(cmd *cobra.Command) error {
	switch {
	case s.logFormat != "text" && s.logFormat != "json":
		return usageError("", "--log-format: %q is not text or json", s.logFormat)
	case s.quiet && s.verbose:
		return usageError("leave one of them out", "--quiet and --verbose ask for less and for more")
	}
	flags := map[string]config.Flag{}
	for name, setting := range settingFlags() {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		if f.Value.String() == "" {
			return usageError("", "--%s: the value is empty", name)
		}
		flags[setting] = config.Flag{Name: name, Value: f.Value.String()}
	}
	settings, err := config.Load(config.Place{Getenv: s.app.getenv, Dir: s.app.Dir, Profile: s.profile}, flags)
	if err != nil {
		return err
	}
	s.settings = settings
	s.redactor.Hide(settings.Secret(config.APIKey), settings.Secret(config.NgrokAuthtoken))
	s.talk = s.newTalk(settings.Get(config.ColorMode).Text)
	s.source = secret.Source{Lookup: s.app.Lookup, Stdin: s.app.Stdin}
	for _, warning := range settings.Warnings {
		s.talk.Warn("settings", warning)
	}
	return nil
}

// newTalk makes a Talk of the global flags as they are now.
func (s *session) newTalk(color string) *term.Talk {
	level := term.Normal
	switch {
	case s.quiet:
		level = term.Quiet
	case s.verbose:
		level = term.Verbose
	}
	terminal := s.isTerminal(s.app.Stderr, os.Stderr)
	return term.NewTalk(s.redactor, term.Options{
		Level: level, JSON: s.logFormat == "json",
		Color:    term.Color(term.ColorMode(color), s.app.getenv, terminal),
		Terminal: terminal && s.app.getenv("TERM") != "dumb",
	})
}

// isTerminal reports whether the stream is a terminal. On Windows what stderr is
// written through is not the file itself.
func (s *session) isTerminal(stream any, file *os.File) bool {
	if _, isFile := stream.(*os.File); !isFile && stream != nil && file == os.Stderr {
		return strings.HasPrefix(fmt.Sprintf("%T", stream), "*colorable.") && term.IsTerminal(file)
	}
	return term.IsTerminal(stream)
}

// exitField tells readers of JSON talk how the program ends.
func (s *session) exitField(code int) []term.Field {
	if code == codeSignal {
		return nil
	}
	return []term.Field{{Name: "exitCode", Value: code}}
}

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
	sandbox bool
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
	return &printer{
		Printer: output.NewPrinter(s.app.Stdout, term.IsTerminal(s.app.Stdout), query),
		json:    format == output.JSON || query != nil,
	}, nil
}
