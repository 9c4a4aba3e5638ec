// Package config loads the settings and records the origin of each value. The first
// layer with a value wins: flag, environment, project file, profile, user file, default.
// A profile that is named by a flag comes directly after the flags.
//
// Each file is a separate viper, so that the origin of each value is known and a layer
// can be refused a key: a project file, which comes with a cloned repository, may set only
// what cannot redirect a key or an answer. An API key is sent only to the address that it
// is for: see apiKey.
//
// The package is private to narada.
package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/units"
)

// Layer is a source of values.
type Layer string

// The layers. A value that is not set has none.
const (
	LayerFlag        Layer = "flag"
	LayerEnvironment Layer = "environment"
	LayerProject     Layer = "project"
	LayerProfile     Layer = "profile"
	LayerUser        Layer = "user"
	LayerDefault     Layer = "default"
)

// Value is a setting's value and its origin.
type Value struct {
	Key    Key
	Text   string
	Layer  Layer
	Origin string // for messages: "flag --timeout", "environment NARADA_TIMEOUT", "user file /home/me/.config/narada/config.yaml"
}

// Set reports whether the value is not empty.
func (v Value) Set() bool { return v.Text != "" }

// Shown returns the text, masked if it is a secret. Secrets in a URL are masked too.
func (v Value) Shown() string {
	if v.Key.Secret {
		return secret.New(v.Text).String()
	}
	return secret.MaskURLs(v.Text)
}

// Place says where Load finds the settings.
type Place struct {
	Getenv  func(string) string
	Dir     string // the working directory; a project file is there or above
	Profile string // named by a flag; "": NARADA_PROFILE, else none
	GOOS    string // "": runtime.GOOS

	NewProfile bool // the profile may not exist yet

	Found func(Value) // gets each value of each layer before it is checked; may be nil
}

// Settings are all values. They do not change after Load.
type Settings struct {
	Profile  string    // the profile in use; "": none
	UserFile string    // its path, even if it does not exist; "" without a home folder
	Profiles []Profile // of the user file, in its order
	Warnings []string  // about the files
	Withheld Value     // the API key that is not used because it is not for the base URL; else not set

	values map[string]Value
}

// Profile is a profile in the user file.
type Profile struct {
	Name    string `json:"name"`
	BaseURL string `json:"baseUrl,omitempty"` // "": it sets none
	HasKey  bool   `json:"hasKey"`
	InUse   bool   `json:"inUse"`
}

// InvalidError is a setting or a file that cannot be used.
type InvalidError struct {
	What string // "config file /x/config.yaml", "timeout (environment NARADA_TIMEOUT)", "--timeout"
	Err  error
}

func (e *InvalidError) Error() string {
	text := e.Err.Error()
	if syntax, ok := errors.AsType[*units.SyntaxError](e.Err); ok {
		text = strings.TrimSuffix(text, ": "+syntax.Advice)
	}
	return e.What + ": " + text
}

// Hint returns the hint of the cause, or how its value is written, or "".
func (e *InvalidError) Hint() string {
	if syntax, ok := errors.AsType[*units.SyntaxError](e.Err); ok {
		return syntax.Advice
	}
	var hinted interface{ Hint() string }
	if errors.As(e.Err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

// Load reads the files, the environment and the flags of the command, which may be nil, as
// far as they are bound to settings (see Bind). It checks every value. An invalid value or
// file is an *InvalidError.
func Load(p Place, flags *pflag.FlagSet) (*Settings, error) {
	s := &Settings{UserFile: UserFile(p), values: map[string]Value{}}
	layers, err := s.layers(p, flags)
	if err != nil {
		return nil, err
	}
	for _, key := range Keys() {
		value := Value{Key: key, Origin: "not set"}
		found := values(layers, key)
		for _, v := range found {
			if p.Found != nil {
				p.Found(v)
			}
		}
		if len(found) > 0 {
			value = found[0]
			if err := key.Check(value.Text); err != nil {
				return nil, value.Invalid(err)
			}
		}
		s.values[key.Name] = value
	}
	s.values[APIKey], s.Withheld = apiKey(s.values[BaseURL], s.values[APIKey], values(layers, s.values[APIKey].Key))
	return s, nil
}

// apiKey selects the API key for the base URL: for a base URL of a profile or the
// environment only the key of that layer, for any other the key in force. keys are all keys
// that are set. withheld is the key in force if no key is for the base URL.
func apiKey(baseURL, inForce Value, keys []Value) (key, withheld Value) {
	if baseURL.Layer != LayerProfile && baseURL.Layer != LayerEnvironment || !inForce.Set() {
		return inForce, Value{}
	}
	for _, key := range keys {
		if key.Layer == baseURL.Layer {
			return key, Value{}
		}
	}
	return Value{Key: inForce.Key, Origin: "not set for this base-url (" + inForce.Origin + " has one for another address)"}, inForce
}

// Get returns the value of a setting in keys.go; any other name panics. The API key is the
// one for the base URL.
func (s *Settings) Get(name string) Value {
	v, ok := s.values[name]
	if !ok {
		panic("config: no setting " + name)
	}
	return v
}

// FromProject returns the names of the settings that have a flag in flags, and whose value is
// that of the project file, and the origin of these values.
func (s *Settings) FromProject(flags *pflag.FlagSet) (names []string, origin string) {
	flags.VisitAll(func(f *pflag.Flag) {
		for _, name := range f.Annotations[boundTo] {
			if v := s.values[name]; v.Layer == LayerProject {
				names, origin = append(names, name), v.Origin
			}
		}
	})
	return names, origin
}

// Secret returns the value of a secret setting.
func (s *Settings) Secret(name string) secret.String { return secret.New(s.Get(name).Text) }

func (s *Settings) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}
