package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/spelling"
	"github.com/narada-cli/narada/pkg/units"
)

// Key describes a setting. To add one, add it to Keys.
type Key struct {
	Name    string // in a file and in narada config: "ngrok.authtoken"
	Env     string // environment variable
	Default string
	Secret  bool // never shown
	Token   bool // white space around it is not part of it
	Project bool // a project file may set it
	Usage   string

	OneOf    []string      // the allowed values; nil: any
	Named    string        // one of OneOf that ":NAME" may follow
	Schemes  []string      // of a URL; nil: not a URL, or one that is checked elsewhere
	MaxCount int           // of a number from 1; 0: not a number
	Min, Max time.Duration // of a duration; no Max: not a duration
}

// Names of the settings.
const (
	APIKey          = "api-key"
	BaseURL         = "base-url"
	BrowserWindowID = "browser-window-id"
	CallbackSecret  = "callback-secret"
	NgrokAuthtoken  = "ngrok.authtoken"
	NgrokDomain     = "ngrok.domain"
	NgrokConnectURL = "ngrok.connect-url"
	NgrokConnectCAs = "ngrok.connect-cas"
	PublicURL       = "public-url"
	Timeout         = "timeout"
	PollInterval    = "poll-interval"
	ColorMode       = "color"
	TimeZone        = "time-zone"
	Agent           = "agent"
	StateDir        = "state-dir"
	Store           = "store"
	StoreSchema     = "store-schema"
	Retention       = "retention"
	Addr            = "addr"
	Mode            = "mode"
	Via             = "via"
	Concurrency     = "concurrency"
	CI              = "ci"
)

// Keys lists the settings in the order in which config list shows them.
func Keys() []Key {
	return []Key{
		{Name: APIKey, Env: "NARADA_API_KEY", Secret: true, Token: true, Usage: "API key of Narada Cloud"},
		{Name: BaseURL, Env: "NARADA_API_BASE_URL", Default: "https://api.narada.ai/fast/v2", Usage: "base URL of the API; http on loopback only"},
		{Name: BrowserWindowID, Env: "NARADA_BROWSER_WINDOW_ID", Project: true, Usage: "ID of the browser window in which tasks run"},
		{Name: CallbackSecret, Env: "NARADA_CALLBACK_SECRET", Secret: true, Usage: "secret that listen expects in callbacks"},
		{Name: NgrokAuthtoken, Env: "NGROK_AUTHTOKEN", Secret: true, Token: true, Usage: "ngrok authtoken, to open a public address"},
		{Name: NgrokDomain, Env: "NARADA_NGROK_DOMAIN", Usage: "ngrok domain; assigned by ngrok when not set"},
		{Name: NgrokConnectURL, Env: "NARADA_NGROK_CONNECT_URL", Usage: "host:port of a custom ngrok ingress"},
		{Name: NgrokConnectCAs, Env: "NARADA_NGROK_CONNECT_CAS", Usage: "PEM file with certificate authorities of that ingress"},
		{Name: PublicURL, Env: "NARADA_PUBLIC_URL", Usage: "public https address that leads to --addr"},
		{Name: Addr, Env: "NARADA_ADDR", Usage: "HOST:PORT to listen on behind public-url"},
		{Name: Via, Env: "NARADA_VIA", Default: "auto", OneOf: []string{"auto", "callback", "poll", "listener"}, Named: "listener", Usage: "how run and batch run get answers: auto, callback, poll or listener[:NAME]"},
		{Name: Mode, Env: "NARADA_MODE", OneOf: []string{"client", "cloud", "cloud_browser"}, Usage: "where tasks run: client, cloud or cloud_browser; the cloud's default when not set"},
		{Name: Concurrency, Env: "NARADA_CONCURRENCY", Default: "8", MaxCount: 10_000, Usage: "maximum number of tasks that batch run runs at once"},
		{Name: Timeout, Env: "NARADA_TIMEOUT", Default: "20m", Project: true, Min: time.Millisecond, Max: units.MaxDuration, Usage: "maximum time to wait for an answer"},
		{Name: PollInterval, Env: "NARADA_POLL_INTERVAL", Default: "3s", Project: true, Min: 100 * time.Millisecond, Max: 24 * time.Hour, Usage: "minimum time between two polls of a task"},
		{Name: ColorMode, Env: "NARADA_COLOR", Default: "auto", OneOf: []string{"auto", "always", "never"}, Usage: "auto, always or never"},
		{Name: CI, Env: "NARADA_CI", Default: "auto", OneOf: []string{"auto", "off"}, Usage: "auto: annotations and a summary on GitHub Actions; off: none"},
		{Name: TimeZone, Env: "NARADA_TIME_ZONE", Project: true, Usage: "time zone of tasks; the machine's when not set"},
		{Name: Agent, Env: "NARADA_AGENT", Default: "operator", Project: true, Usage: "agent that runs the tasks"},
		{Name: StateDir, Env: "NARADA_STATE_DIR", Usage: "folder of the ledger; $XDG_STATE_HOME/narada when not set"},
		{Name: Store, Env: "NARADA_STORE", Token: true, Schemes: []string{"postgres", "postgresql"}, Usage: "postgres: URL of a ledger that several machines share; a file in state-dir when not set"},
		{Name: StoreSchema, Env: "NARADA_STORE_SCHEMA", Default: "narada", Usage: "schema of that ledger in its database"},
		{Name: Retention, Env: "NARADA_RETENTION", Min: time.Hour, Max: 10 * units.MaxDuration, Usage: "delete tasks this long after they have finished; never when not set"},
	}
}

// FindKey returns the key of a name.
func FindKey(name string) (Key, bool) {
	keys := Keys()
	if i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name }); i >= 0 {
		return keys[i], true
	}
	return Key{}, false
}

// UnknownKeyError is an unknown setting.
type UnknownKeyError struct{ Name string }

func (e *UnknownKeyError) Error() string { return fmt.Sprintf("unknown setting %q", e.Name) }

// Hint returns the nearest setting, or the command that lists all.
func (e *UnknownKeyError) Hint() string {
	var names []string
	for _, k := range Keys() {
		names = append(names, k.Name)
	}
	if near := spelling.Nearest(e.Name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "narada config list shows all settings"
}

// Check returns an error if value is not valid for the key. It never contains a secret.
func (k Key) Check(value string) error {
	switch {
	case k.Max > 0:
		_, err := k.duration(value)
		return err
	case k.MaxCount > 0:
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > k.MaxCount {
			return fmt.Errorf("%q is not a number from 1 to %d", value, k.MaxCount)
		}
	case k.Schemes != nil && !slices.ContainsFunc(k.Schemes, func(scheme string) bool { return strings.HasPrefix(value, scheme+"://") }):
		return fmt.Errorf("it is not a %s:// URL", k.Schemes[0])
	case k.OneOf != nil && !slices.Contains(k.OneOf, k.withoutName(value)):
		last := len(k.OneOf) - 1
		return fmt.Errorf("%q is not %s or %s", value, strings.Join(k.OneOf[:last], ", "), k.OneOf[last])
	}
	return nil
}

// withoutName returns the value without the name that may follow it.
func (k Key) withoutName(value string) string {
	if word, name, _ := strings.Cut(value, ":"); name != "" && word == k.Named {
		return word
	}
	return value
}

func (k Key) duration(value string) (time.Duration, error) {
	d, err := units.ParseDuration(value)
	switch {
	case err != nil:
		return 0, err
	case d <= 0:
		return 0, fmt.Errorf("must be more than 0")
	case d < k.Min:
		return 0, fmt.Errorf("must be at least %s", k.Min)
	case d > k.Max:
		return 0, fmt.Errorf("must be at most %s", k.Max)
	}
	return d, nil
}

// Duration returns the value of a duration.
func (v Value) Duration() time.Duration {
	d, _ := v.Key.duration(v.Text) // it has been checked
	return d
}
