package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/spelling"
	"github.com/narada-cli/narada/pkg/units"
)

// Key is a setting. A new one is an entry in Keys.
type Key struct {
	Name    string // as in a file and in `narada config`: "ngrok.authtoken"
	Env     string // environment variable
	Default string
	Secret  bool // never shown
	Project bool // a project file may set it
	Usage   string

	OneOf    []string      // the values that it may have; nil: any
	Min, Max time.Duration // of a setting that is a duration; no Max: it is none
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
)

// year is the most that a duration may be.
const year = 365 * 24 * time.Hour

// Keys lists the settings in the order in which they are shown.
func Keys() []Key {
	return []Key{
		{Name: APIKey, Env: "NARADA_API_KEY", Secret: true, Usage: "Narada Cloud's API key"},
		{Name: BaseURL, Env: "NARADA_API_BASE_URL", Default: "https://api.narada.ai/fast/v2", Usage: "address of the API; http on loopback only"},
		{Name: BrowserWindowID, Env: "NARADA_BROWSER_WINDOW_ID", Project: true, Usage: "browser window that tasks run in"},
		{Name: CallbackSecret, Env: "NARADA_CALLBACK_SECRET", Secret: true, Usage: "secret that listen expects in callbacks"},
		{Name: NgrokAuthtoken, Env: "NGROK_AUTHTOKEN", Secret: true, Usage: "ngrok's authtoken, which opens a public address"},
		{Name: NgrokDomain, Env: "NARADA_NGROK_DOMAIN", Usage: "ngrok domain to use; any when not set"},
		{Name: NgrokConnectURL, Env: "NARADA_NGROK_CONNECT_URL", Usage: "host:port of a custom ngrok ingress"},
		{Name: NgrokConnectCAs, Env: "NARADA_NGROK_CONNECT_CAS", Usage: "PEM file with the ingress's certificate authorities"},
		{Name: PublicURL, Env: "NARADA_PUBLIC_URL", Usage: "https address under which --addr is reached"},
		{Name: Timeout, Env: "NARADA_TIMEOUT", Default: "20m", Project: true, Min: 1, Max: year, Usage: "most time to wait for an answer"},
		{Name: PollInterval, Env: "NARADA_POLL_INTERVAL", Default: "3s", Project: true, Min: 100 * time.Millisecond, Max: year, Usage: "least time between two status calls for one task"},
		{Name: ColorMode, Env: "NARADA_COLOR", Default: "auto", OneOf: []string{"auto", "always", "never"}, Usage: "auto, always or never"},
		{Name: TimeZone, Env: "NARADA_TIME_ZONE", Project: true, Usage: "time zone of tasks; the machine's when not set"},
		{Name: Agent, Env: "NARADA_AGENT", Default: "operator", Project: true, Usage: "agent that does the tasks"},
		{Name: StateDir, Env: "NARADA_STATE_DIR", Usage: "folder for what narada keeps; $XDG_STATE_HOME/narada when not set"},
	}
}

// FindKey returns the key called name.
func FindKey(name string) (Key, bool) {
	keys := Keys()
	if i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name }); i >= 0 {
		return keys[i], true
	}
	return Key{}, false
}

// UnknownKeyError is a key that does not exist.
type UnknownKeyError struct{ Name string }

func (e *UnknownKeyError) Error() string { return fmt.Sprintf("unknown setting %q", e.Name) }

// Hint names the nearest setting, or where all are listed.
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

// Check reports what is wrong with a value for the key. It never repeats a
// secret.
func (k Key) Check(value string) error {
	switch {
	case k.Max > 0:
		_, err := k.duration(value)
		return err
	case k.OneOf != nil && !slices.Contains(k.OneOf, value):
		last := len(k.OneOf) - 1
		return fmt.Errorf("%q is not %s or %s", value, strings.Join(k.OneOf[:last], ", "), k.OneOf[last])
	}
	return nil
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

// Duration returns the value of a setting that is a duration.
func (v Value) Duration() time.Duration {
	d, _ := v.Key.duration(v.Text) // it has been checked
	return d
}
