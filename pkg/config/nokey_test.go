package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each case lists the layers that have a base URL and those that have a key.
func TestAPIKeyIsUsedOnlyForItsBaseURL(t *testing.T) {
	const userFile = "user"
	tests := []struct {
		name           string
		baseURL, keys  string // layers that have one: flag, env, profile, user
		explicit       bool   // --profile, else NARADA_PROFILE
		base, key, not string // the layers of the base URL, the key, and the key that is withheld
	}{
		{"nothing", "", "", false, "default", "", ""},
		{"default: key of env", "", "env profile user", false, "default", "environment", ""},
		{"default: key of profile", "", "profile user", false, "default", "profile", ""},
		{"default: key of user", "", userFile, false, "default", "user", ""},
		{"default, profile by flag", "", "env profile user", true, "default", "profile", ""},
		{"environment: its own key", "env", "env profile user", false, "environment", "environment", ""},
		{"environment: not the key of the profile", "env", "profile user", false, "environment", "", "profile"},
		{"environment: not the key of the user file", "env", userFile, false, "environment", "", "user"},
		{"environment takes its own, though the profile of this call has one", "env", "env profile user", true, "environment", "environment", ""},
		{"environment: not the key of a profile by flag", "env", "profile", true, "environment", "", "profile"},
		{"profile: its own key", "profile", "env profile user", false, "profile", "profile", ""},
		{"profile: not the key of the environment", "profile", "env user", false, "profile", "", "environment"},
		{"profile: not the key of the user file", "profile", userFile, true, "profile", "", "user"},
		{"profile by flag before the environment", "env profile", "env profile", true, "profile", "profile", ""},
		{"profile by flag without a key", "env profile", "env", true, "profile", "", "environment"},
		{"environment before the profile it names", "env profile", "env profile", false, "environment", "environment", ""},
		{"flag: key of env", "flag env profile", "env profile user", false, "flag", "environment", ""},
		{"flag: key of profile", "flag env profile", "env profile user", true, "flag", "profile", ""},
		{"flag: key of user", "flag profile", userFile, false, "flag", "user", ""},
		{"user file: key of env", userFile, "env user", false, "user", "environment", ""},
		{"user file: key of profile", userFile, "profile", true, "user", "profile", ""},
		{"user file: its own key", userFile, userFile, false, "user", "user", ""},
		{"no layer has a key", "env profile", "", true, "profile", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			has := func(list, place, name, value string) string {
				if slices.Contains(strings.Fields(list), place) {
					return name + value
				}
				return ""
			}
			p := place(t, map[string]string{
				"NARADA_API_BASE_URL": has(tt.baseURL, "env", "", "https://env.example"),
				"NARADA_API_KEY":      has(tt.keys, "env", "", "environment"),
				"NARADA_PROFILE":      "p",
			})
			if tt.explicit {
				p.Profile = "p"
			}
			var args []string
			if flag := has(tt.baseURL, "flag", "--base-url=", "https://flag.example"); flag != "" {
				args = append(args, flag)
			}
			write(t, UserFile(p), has(tt.baseURL, "user", "base-url: ", "https://user.example\n")+has(tt.keys, "user", "api-key: ", "user\n")+
				"profiles:\n  p:\n    agent: core\n"+has(tt.baseURL, "profile", "    base-url: ", "https://profile.example\n")+has(tt.keys, "profile", "    api-key: ", "profile\n"))
			s, err := Load(p, flags(t, args...))
			if err != nil {
				t.Fatal(err)
			}
			if base := s.Get(BaseURL); string(base.Layer) != tt.base {
				t.Errorf("base-url: %+v", base)
			}
			key := s.Get(APIKey)
			if key.Text != tt.key || key.Text != string(key.Layer) || s.Withheld.Text != tt.not {
				t.Errorf("api-key: %+v, withheld %+v", key, s.Withheld)
			}
			if want := "not set for this base-url (" + s.Withheld.Origin + " has one for another address)"; tt.not != "" && key.Origin != want {
				t.Errorf("origin %q, want %q", key.Origin, want)
			}
		})
	}
}

// In every combination of layers with a key and layers with a base URL, with and without a
// profile, the key is one that may be sent to that address.
func TestNoAPIKeyIsSentToTheAddressOfAnotherLayer(t *testing.T) {
	layers := []Layer{LayerFlag, LayerEnvironment, LayerProject, LayerProfile, LayerUser}
	subset := func(bits int) map[Layer]bool {
		found := map[Layer]bool{}
		for i, layer := range layers {
			found[layer] = bits&(1<<i) != 0
		}
		return found
	}
	orders := map[string][]Layer{ // by how the profile is named
		"":     {LayerFlag, LayerEnvironment, LayerUser},
		"env":  {LayerFlag, LayerEnvironment, LayerProfile, LayerUser},
		"flag": {LayerFlag, LayerProfile, LayerEnvironment, LayerUser},
	}
	first := func(order []Layer, has map[Layer]bool) Layer {
		for _, layer := range order {
			if has[layer] {
				return layer
			}
		}
		return ""
	}
	for named, order := range orders {
		for bits := range 1 << (2 * len(layers)) {
			urls, keys := subset(bits), subset(bits>>len(layers))
			if keys[LayerFlag] { // there is none
				continue
			}
			s := loadKeys(t, named, urls, keys)
			base, inForce := first(order, urls), first(order, keys)
			want, withheld := inForce, Layer("")
			if (base == LayerProfile || base == LayerEnvironment) && !keys[base] {
				want, withheld = "", inForce
			} else if base == LayerProfile || base == LayerEnvironment {
				want = base
			}
			if base == "" {
				base = LayerDefault
			}
			if s.Get(BaseURL).Layer != base || s.Get(APIKey).Text != string(want) || s.Withheld.Text != string(withheld) {
				t.Errorf("profile by %q, base URLs %v, keys %v: base URL of %s, key of %q, withheld %q; want %s, %q, %q",
					named, urls, keys, s.Get(BaseURL).Layer, s.Get(APIKey).Text, s.Withheld.Text, base, want, withheld)
			}
		}
	}
}

// loadKeys loads settings whose API keys are the names of their layers.
func loadKeys(t *testing.T, named string, urls, keys map[Layer]bool) *Settings {
	t.Helper()
	lines := func(layer Layer, indent string) (text string) {
		if urls[layer] {
			text += indent + "base-url: https://" + string(layer) + ".example\n"
		}
		if keys[layer] {
			text += indent + "api-key: " + string(layer) + "\n"
		}
		return text
	}
	env := map[string]string{}
	if urls[LayerEnvironment] {
		env["NARADA_API_BASE_URL"] = "https://environment.example"
	}
	if keys[LayerEnvironment] {
		env["NARADA_API_KEY"] = string(LayerEnvironment)
	}
	p := place(t, env)
	switch named {
	case "env":
		env["NARADA_PROFILE"] = "p"
	case "flag":
		p.Profile = "p"
	}
	write(t, UserFile(p), lines(LayerUser, "")+"profiles:\n  p:\n    agent: core\n"+lines(LayerProfile, "    "))
	write(t, filepath.Join(p.Dir, projectFileName), lines(LayerProject, ""))
	var args []string
	if urls[LayerFlag] {
		args = append(args, "--base-url=https://flag.example")
	}
	s, err := Load(p, flags(t, args...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
