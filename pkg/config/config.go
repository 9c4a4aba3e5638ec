// Package config finds each setting's value and where it comes from. The layers,
// first wins: the flag, the environment, the project file, the profile, the user
// file, the default.
//
// Each file is read by a viper of its own and the layers are put together here,
// so that every value's origin is known and a file can be refused a key: a
// project file, which comes with a cloned repository, may set only what cannot
// redirect a key or an answer.
//
// The package is private to narada.
package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/spelling"
)

// Layer is a kind of place that a value comes from.
type Layer string

// The layers.
const (
	LayerFlag        Layer = "flag"
	LayerEnvironment Layer = "environment"
	LayerProject     Layer = "project"
	LayerProfile     Layer = "profile"
	LayerUser        Layer = "user"
	LayerDefault     Layer = "default"
	LayerNone        Layer = "" // not set anywhere
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
	Profile string // "": NARADA_PROFILE, else none
	GOOS    string // "": this machine's
}

// Settings are all values. They are not changed after they were loaded.
type Settings struct {
	Profile  string   // the profile in use, "" for none
	UserFile string   // its path, whether it exists or not; "" when there is no home
	Warnings []string // about the files, for people

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

// Flag is a command line flag that sets a setting for this once.
type Flag struct {
	Name  string // without its dashes
	Value string
}

// Load reads the files and the environment; flags holds the flags that were
// given, by the setting that they set. Every value has been checked for its kind.
func Load(p Place, flags map[string]Flag) (*Settings, error) {
	s := &Settings{UserFile: UserFile(p), values: map[string]Value{}}
	user, err := s.userFile()
	if err != nil {
		return nil, err
	}
	if s.Profile = p.Profile; s.Profile == "" {
		s.Profile = p.Getenv("NARADA_PROFILE")
	}
	profile, err := s.profile(user)
	if err != nil {
		return nil, err
	}
	project, projectPath, err := s.projectFile(p)
	if err != nil {
		return nil, err
	}
	for _, key := range Keys() {
		layers := []Value{
			{Text: flags[key.Name].Value, Layer: LayerFlag, Origin: "flag --" + flags[key.Name].Name},
			{Text: p.Getenv(key.Env), Layer: LayerEnvironment, Origin: "environment " + key.Env},
			{Text: project[key.Name], Layer: LayerProject, Origin: "project file " + projectPath},
			{Text: profile[key.Name], Layer: LayerProfile, Origin: "profile " + s.Profile + " in " + s.UserFile},
			{Text: user[key.Name], Layer: LayerUser, Origin: "user file " + s.UserFile},
			{Text: key.Default, Layer: LayerDefault, Origin: "default"},
		}
		value := Value{Origin: "not set"}
		for _, v := range layers {
			if v.Set() {
				value = v
				break
			}
		}
		value.Key = key
		if value.Set() {
			if err := key.Check(value.Text); err != nil {
				return nil, &InvalidError{What: key.Name + " (" + value.Origin + ")", Err: err}
			}
		}
		s.values[key.Name] = value
	}
	return s, nil
}

// Get returns the value of the setting called name, which must be one of the
// names above.
func (s *Settings) Get(name string) Value {
	v, ok := s.values[name]
	if !ok {
		panic("config: no setting " + name)
	}
	return v
}

// Secret returns the value of a secret setting.
func (s *Settings) Secret(name string) secret.String { return secret.New(s.Get(name).Text) }

// UserFile returns the path of the user file: $XDG_CONFIG_HOME/narada/config.yaml,
// by default in ~/.config, on Windows in %AppData%. It is "" when none of these
// is known.
func UserFile(p Place) string { return p.own("XDG_CONFIG_HOME", "AppData", ".config", "config.yaml") }

// StateFolder returns the folder for what narada keeps, unless a setting names
// one: $XDG_STATE_HOME/narada, by default in ~/.local/state, on Windows in
// %LocalAppData%. It is "" when none of these is known.
func StateFolder(p Place) string { return p.own("XDG_STATE_HOME", "LocalAppData", ".local/state", "") }

// own is a file of ours in the folder that the first variable names, the second
// on Windows, or that is called so in the home folder.
func (p Place) own(variable, windows, home, file string) string {
	if p.GOOS == "" {
		p.GOOS = runtime.GOOS
	}
	dir := p.Getenv(variable)
	switch {
	case filepath.IsAbs(dir):
	case p.GOOS == "windows":
		dir = p.Getenv(windows)
	case p.Getenv("HOME") != "":
		dir = filepath.Join(p.Getenv("HOME"), filepath.FromSlash(home))
	default:
		dir = ""
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "narada", file)
}

// userFile returns what stands in the user file, profiles included.
func (s *Settings) userFile() (map[string]string, error) {
	if s.UserFile == "" {
		return nil, nil
	}
	info, err := os.Stat(s.UserFile)
	if os.IsNotExist(err) {
		return nil, nil
	}
	values, err := readFile(s.UserFile)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info != nil && info.Mode().Perm()&0o077 != 0 {
		s.warn("%s can be read by others (mode %04o): run chmod 600 %s", s.UserFile, info.Mode().Perm(), s.UserFile)
	}
	for _, name := range sortedNames(values) {
		setting := name
		if rest, isProfile := strings.CutPrefix(name, "profiles."); isProfile {
			_, setting, _ = strings.Cut(rest, ".")
		}
		if _, known := FindKey(setting); !known {
			unknown := &UnknownKeyError{setting}
			s.warn("%s: %v; %s", s.UserFile, unknown, unknown.Hint())
		}
	}
	return values, nil
}

// profile picks the settings of the profile in use out of the user file.
func (s *Settings) profile(user map[string]string) (map[string]string, error) {
	if s.Profile == "" {
		return nil, nil
	}
	picked := map[string]string{}
	var others []string
	for name, value := range user {
		rest, isProfile := strings.CutPrefix(name, "profiles.")
		if !isProfile {
			continue
		}
		profile, setting, _ := strings.Cut(rest, ".")
		if profile == strings.ToLower(s.Profile) { // viper has no upper case
			picked[setting] = value
		}
		others = append(others, profile)
	}
	if len(picked) > 0 {
		return picked, nil
	}
	err := fmt.Errorf("there is no profile %q in %s", s.Profile, s.UserFile)
	if near := spelling.Nearest(s.Profile, others); near != "" {
		err = fmt.Errorf("%w; did you mean %s?", err, near)
	}
	return nil, &InvalidError{What: "profile", Err: err}
}

// ProjectFileName is the name of the file that sets defaults for a project.
const ProjectFileName = ".narada.yaml"

// projectFile returns what the nearest project file sets and may set. It is
// looked for from the working directory up to the repository's root; outside a
// repository in the working directory alone.
func (s *Settings) projectFile(p Place) (map[string]string, string, error) {
	path := findProjectFile(p.Dir)
	if path == "" {
		return nil, "", nil
	}
	if owned, err := ownedByUs(path); err != nil || !owned {
		s.warn("%s belongs to another user: ignored", path)
		return nil, "", nil
	}
	values, err := readFile(path)
	if err != nil {
		return nil, "", err
	}
	for _, name := range sortedNames(values) {
		key, known := FindKey(name)
		switch {
		case !known:
			unknown := &UnknownKeyError{name}
			s.warn("%s: %v; %s", path, unknown, unknown.Hint())
		case !key.Project:
			s.warn("%s: a project file may not set %s: ignored", path, name)
			delete(values, name)
		}
	}
	return values, path, nil
}

func findProjectFile(dir string) string {
	nearest, start := "", dir
	for {
		path := filepath.Join(dir, ProjectFileName)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && nearest == "" {
			nearest = path
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return nearest
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	if filepath.Dir(nearest) == start { // no repository
		return nearest
	}
	return ""
}

func (s *Settings) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}

func sortedNames(values map[string]string) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// fileError words an error of the file system without repeating the path.
func fileError(path string, err error) error {
	if pathError, ok := err.(*fs.PathError); ok {
		err = pathError.Err
	}
	return &InvalidError{What: "config file " + path, Err: err}
}
