// Package config finds each setting's value and where it comes from. The layers,
// first wins: the flag, the environment, the project file, the profile, the user
// file, the default. A profile that was asked for by name in this call comes right
// after the flags.
//
// Each layer is a viper of its own, and they are walked here, so that every value's
// origin is known and a file can be refused a key: a project file, which comes with
// a cloned repository, may set only what cannot redirect a key or an answer. An API
// key goes to no address that it is not for: see apiKey.
//
// The package is private to narada.
package config

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/secret"
)

// Layer is a kind of place that a value comes from.
type Layer string

// The layers. A value that is set nowhere has none.
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
	Origin string // for people: "flag --timeout", "environment NARADA_TIMEOUT", "user file /home/me/.config/narada/config.yaml"
}

// Set reports whether the value is not empty.
func (v Value) Set() bool { return v.Text != "" }

// Shown is the text for people's eyes: a secret's is masked.
func (v Value) Shown() string {
	if v.Key.Secret {
		return secret.New(v.Text).String()
	}
	return v.Text
}

// Place says where Load looks.
type Place struct {
	Getenv  func(string) string
	Dir     string // the working directory, from which a project file is looked for upwards
	Profile string // of this call; "": NARADA_PROFILE, else none
	GOOS    string // "": this machine's
}

// Settings are all values. They are not changed after they were loaded.
type Settings struct {
	Profile  string   // the profile in use, "" for none
	UserFile string   // its path, whether it exists or not; "" when there is no home
	Warnings []string // about the files, for people
	Withheld Value    // the API key that would be used, and is not for the base URL; not set when there is none

	values map[string]Value
}

// InvalidError is a setting or a file that cannot be used.
type InvalidError struct {
	What string // "config file /x/config.yaml", "timeout (environment NARADA_TIMEOUT)"
	Err  error
}

func (e *InvalidError) Error() string { return e.What + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

// Load reads the files and the environment; flags, which may be nil, are those of
// the command, of which some are bound to settings (see Bind). Every value has been
// checked for its kind.
func Load(p Place, flags *pflag.FlagSet) (*Settings, error) {
	s := &Settings{UserFile: UserFile(p), values: map[string]Value{}}
	layers, err := s.layers(p, flags)
	if err != nil {
		return nil, err
	}
	for _, key := range Keys() {
		value := Value{Key: key, Origin: "not set"}
		if found := values(layers, key); len(found) > 0 {
			value = found[0]
			if err := key.Check(value.Text); err != nil {
				return nil, &InvalidError{What: key.Name + " (" + value.Origin + ")", Err: err}
			}
		}
		s.values[key.Name] = value
	}
	s.values[APIKey], s.Withheld = apiKey(s.values[BaseURL], s.values[APIKey], values(layers, s.values[APIKey].Key))
	return s, nil
}

// apiKey picks the API key for the base URL. A key goes only where whoever has set
// it meant it to go: a profile's base URL takes the profile's key alone, and the
// environment's the environment's; a flag's, the user file's and the default take
// the key in force. keys are all that are set. withheld is a key in force that is
// not for the base URL, where none is.
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

// Get returns the value of the setting called name, which must be one of the
// names in keys.go. The API key is that for the base URL.
func (s *Settings) Get(name string) Value {
	v, ok := s.values[name]
	if !ok {
		panic("config: no setting " + name)
	}
	return v
}

// Secret returns the value of a secret setting.
func (s *Settings) Secret(name string) secret.String { return secret.New(s.Get(name).Text) }

func (s *Settings) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}
