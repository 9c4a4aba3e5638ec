package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/narada-cli/narada/pkg/spelling"
	"github.com/narada-cli/narada/pkg/textfile"
)

// layer is one source of values.
type layer struct {
	name   Layer
	text   func(Key) string // of a setting; "": not set
	origin func(Key) string
}

// values returns the values of a setting in all layers, the one in force first.
func values(layers []layer, key Key) (found []Value) {
	for _, l := range layers {
		if l.name == LayerProject && !key.Project {
			continue
		}
		text := l.text(key)
		if key.Token {
			text = strings.TrimSpace(text)
		}
		if text != "" {
			found = append(found, Value{Key: key, Text: text, Layer: l.name, Origin: l.origin(key)})
		}
	}
	return found
}

// newViper returns the viper of a file. A setting's name is one key, dots included.
func newViper(options ...viper.Option) *viper.Viper {
	return viper.NewWithOptions(append(options, viper.KeyDelimiter("\x00"))...)
}

// layers reads all layers, in order of precedence.
func (s *Settings) layers(p Place, flags *pflag.FlagSet) ([]layer, error) {
	user, d, err := s.userFile()
	if err != nil {
		return nil, err
	}
	if s.Profile = p.Profile; s.Profile == "" {
		s.Profile = p.Getenv("NARADA_PROFILE")
	}
	for _, name := range d.names {
		settings := d.profiles[strings.ToLower(name)]
		base, _ := settings[BaseURL].(string)
		s.Profiles = append(s.Profiles, Profile{name, base, settings[APIKey] != nil, strings.EqualFold(name, s.Profile)})
	}
	profile, err := s.profile(d)
	if _, missing := errors.AsType[*InvalidError](err); missing && p.NewProfile {
		profile, err = newViper(), nil
	}
	if err != nil {
		return nil, err
	}
	project, projectPath, err := s.projectFile(p.Dir)
	if err != nil {
		return nil, err
	}
	file := func(name Layer, v *viper.Viper, origin string) layer {
		return layer{name, func(key Key) string { return v.GetString(key.Name) }, func(Key) string { return origin }}
	}
	list := []layer{
		flagLayer(flags),
		{LayerEnvironment, func(key Key) string { return p.Getenv(key.Env) }, func(key Key) string { return "environment " + key.Env }},
		file(LayerProject, project, "project file "+projectPath),
		file(LayerProfile, profile, "profile "+s.Profile+" in "+s.UserFile),
		file(LayerUser, user, "user file "+s.UserFile),
		{LayerDefault, func(key Key) string { return key.Default }, func(Key) string { return "default" }},
	}
	if p.Profile != "" {
		list[1], list[2], list[3] = list[3], list[1], list[2]
	}
	return list, nil
}

// The annotations of a flag that sets a setting, and of one that Apply sets.
const (
	boundTo = "narada_setting"
	filled  = "narada_filled"
)

// Bind binds a flag to the setting called key, where the flag is declared.
func Bind(flags *pflag.FlagSet, name, key string) {
	if _, ok := FindKey(key); !ok {
		panic("config: no setting " + key)
	}
	if err := flags.SetAnnotation(name, boundTo, []string{key}); err != nil {
		panic("config: " + err.Error())
	}
}

// Fill is Bind for a flag that Apply gives the value of the setting.
func Fill(flags *pflag.FlagSet, name, key string) {
	Bind(flags, name, key)
	_ = flags.SetAnnotation(name, filled, []string{key}) // Bind has found the flag
}

// Apply gives each flag that is to be filled, and not on the command line, the value of its
// setting, unless that is not set.
func (s *Settings) Apply(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		for _, key := range f.Annotations[filled] {
			if v := s.Get(key); v.Set() && !f.Changed {
				failed = cmp.Or(failed, f.Value.Set(v.Text))
			}
		}
	})
	return failed
}

func flagLayer(flags *pflag.FlagSet) layer {
	set := map[string]*pflag.Flag{}
	if flags != nil {
		flags.Visit(func(f *pflag.Flag) {
			for _, key := range f.Annotations[boundTo] {
				set[key] = f
			}
		})
	}
	text := func(key Key) string {
		if f := set[key.Name]; f != nil {
			return f.Value.String()
		}
		return ""
	}
	return layer{LayerFlag, text, func(key Key) string { return "flag --" + set[key.Name].Name }}
}

// userFile reads the user file, which may be missing, and its profiles.
func (s *Settings) userFile() (*viper.Viper, *decoder, error) {
	f, err := textfile.OpenRegular(s.UserFile)
	if s.UserFile == "" || errors.Is(err, fs.ErrNotExist) {
		return newViper(), &decoder{}, nil
	}
	if err != nil {
		return nil, nil, fileError(s.UserFile, err)
	}
	defer f.Close()
	v, d, err := s.readFile(s.UserFile, f)
	info, statErr := f.Stat()
	if err == nil && statErr == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		s.warn("%s can be read by others (mode %04o): run chmod 600 %s", s.UserFile, info.Mode().Perm(), s.UserFile)
	}
	return v, d, err
}

// profile returns the settings of the profile in use, if any.
func (s *Settings) profile(user *decoder) (*viper.Viper, error) {
	v := newViper()
	if s.Profile == "" {
		return v, nil
	}
	if picked, ok := user.profiles[strings.ToLower(s.Profile)]; ok {
		return v, v.MergeConfigMap(picked)
	}
	err := fmt.Errorf("not found in %s", s.UserFile)
	if near := spelling.Nearest(s.Profile, user.names); near != "" {
		err = fmt.Errorf("%w; did you mean %s?", err, near)
	}
	return nil, &InvalidError{What: fmt.Sprintf("profile %q", s.Profile), Err: err}
}

// projectFile reads the nearest project file, if any. Settings that it may not set are
// ignored in values.
func (s *Settings) projectFile(dir string) (*viper.Viper, string, error) {
	path := findProjectFile(dir)
	if path == "" {
		return newViper(), "", nil
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() { // nor a link, which may lead anywhere
		s.warn("%s is not a regular file: ignored", path)
		return newViper(), "", nil
	}
	f, err := textfile.OpenUnlinked(path)
	if err != nil {
		return nil, "", fileError(path, err)
	}
	defer f.Close()
	if why := notOurs(f); why != "" {
		s.warn("%s %s: ignored", path, why)
		return newViper(), "", nil
	}
	v, d, err := s.readFile(path, f)
	if err != nil {
		return nil, "", err
	}
	for _, key := range Keys() {
		if !key.Project && v.IsSet(key.Name) {
			s.warn("%s: a project file may not set %s: ignored", path, key.Name)
		}
	}
	if len(d.profiles) > 0 {
		s.warn("%s: a project file may not set profiles: ignored", path)
	}
	return v, path, nil
}
