package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// place returns a place with these environment variables and an empty home folder.
func place(t *testing.T, env map[string]string) Place {
	t.Helper()
	home := t.TempDir()
	return Place{Dir: t.TempDir(), GOOS: "linux", Getenv: func(name string) string {
		if name == "HOME" {
			return home
		}
		return env[name]
	}}
}

func TestFirstLayerThatSetsAValueWins(t *testing.T) {
	p := place(t, map[string]string{"NARADA_TIMEOUT": "4m"})
	write(t, UserFile(p), "timeout: 1m\nagent: user\npoll-interval: 1s\ntime-zone: Asia/Tokyo\nprofiles:\n  p:\n    timeout: 2m\n    agent: profile\n    poll-interval: 2s\n")
	write(t, filepath.Join(p.Dir, projectFileName), "timeout: 3m\nagent: project\n")
	p.Profile = "p"
	s, err := Load(p, flags(t, "--limit=5m"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{Timeout, Agent, PollInterval, TimeZone, ColorMode, PublicURL} {
		v := s.Get(name)
		got[name] = v.Text + " " + string(v.Layer)
	}
	want := map[string]string{
		Timeout: "5m flag", Agent: "profile profile", PollInterval: "2s profile",
		TimeZone: "Asia/Tokyo user", ColorMode: "auto default", PublicURL: " ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A profile named by the environment comes after the environment and the project file, one
// named by a flag before them.
func TestProfileFlagOverridesTheEnvironment(t *testing.T) {
	for explicit, want := range map[string]string{
		"":  "4m environment NARADA_TIMEOUT, project project file PROJECT, 2s profile p in USER, Asia/Tokyo user file USER",
		"p": "2m profile p in USER, profile profile p in USER, 2s profile p in USER, Asia/Tokyo user file USER",
	} {
		p := place(t, map[string]string{"NARADA_TIMEOUT": "4m", "NARADA_PROFILE": "P"})
		write(t, UserFile(p), "timeout: 1m\ntime-zone: Asia/Tokyo\nprofiles:\n  p:\n    timeout: 2m\n    agent: profile\n    poll-interval: 2s\n")
		project := filepath.Join(p.Dir, projectFileName)
		write(t, project, "agent: project\n")
		p.Profile = explicit
		s, err := Load(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, name := range []string{Timeout, Agent, PollInterval, TimeZone} {
			got = append(got, s.Get(name).Text+" "+s.Get(name).Origin)
		}
		text := strings.NewReplacer(UserFile(p), "USER", project, "PROJECT", "profile P", "profile p").Replace(strings.Join(got, ", "))
		if text != want {
			t.Errorf("--profile %q: %s", explicit, text)
		}
	}
}

// flags returns flags of a command: --limit sets a setting, --timeout does not.
func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.String("limit", "", "")
	f.String("base-url", "", "")
	f.Int("many", 0, "")
	f.Duration("timeout", time.Hour, "")
	Bind(f, "limit", Timeout)
	Bind(f, "base-url", BaseURL)
	Bind(f, "many", Agent)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFlagSetsTheSettingThatItIsBoundTo(t *testing.T) {
	s, err := Load(place(t, nil), flags(t, "--timeout=0s", "--many=7"))
	if err != nil || s.Get(Timeout).Text != "20m" || s.Get(Timeout).Duration() != 20*time.Minute || s.Get(Agent).Text != "7" {
		t.Errorf("%v, %v", s, err)
	}
	_, err = Load(place(t, nil), flags(t, "--limit=soon"))
	if err == nil || !strings.HasPrefix(err.Error(), `--limit: "soon" is not a duration`) {
		t.Error(err)
	}
	for _, bind := range []func(*pflag.FlagSet){
		func(f *pflag.FlagSet) { Bind(f, "limit", "limit") },
		func(f *pflag.FlagSet) { Bind(f, "limits", Timeout) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a flag was bound to an unknown setting")
				}
			}()
			bind(flags(t))
		}()
	}
}

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

func TestUserFileFollowsXDG(t *testing.T) {
	root := filepath.VolumeName(t.TempDir()) // a path without a drive is not absolute on Windows
	tests := []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": "/h"}, "/h/.config/narada/config.yaml"},
		{"darwin", map[string]string{"HOME": "/h"}, "/h/.config/narada/config.yaml"},
		{"linux", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": root + "/x"}, root + "/x/narada/config.yaml"},
		{"linux", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config/narada/config.yaml"},
		{"windows", map[string]string{"AppData": "/a"}, "/a/narada/config.yaml"},
		{"linux", nil, ""},
	}
	for _, tt := range tests {
		got := UserFile(Place{GOOS: tt.goos, Getenv: func(name string) string { return tt.env[name] }})
		if got != filepath.FromSlash(tt.want) {
			t.Errorf("%s %v: %s", tt.goos, tt.env, got)
		}
	}
}

func TestInvalidFilesAreRefused(t *testing.T) {
	tests := []struct{ name, content, err string }{
		{"not YAML", "secret-value", "not valid YAML"},
		{"broken", "a: b\n  c: secret-value", "not valid YAML (line 2)"},
		{"a list", "timeout: [secret-value]", "line 1: timeout must be a single value"},
		{"the document is a list", "- secret-value", "not valid YAML"},
		{"duplicate name", "timeout: 5m\ntimeout: 6m\n", `line 2: duplicate name "timeout"`},
		{"duplicate name in another case", "timeout: 5m\nTimeout: 6m\n", "line 2: duplicate setting timeout"},
		{"duplicate name, once with a dot", "ngrok:\n  domain: x\nngrok.domain: y\n", "line 3: duplicate setting ngrok.domain"},
		{"duplicate profile", "profiles:\n  p: {agent: a}\n  P: {agent: b}\n", "line 3: duplicate profile P"},
		{"an alias", "agent: &a x\ntime-zone: *a\n", "line 1: aliases and anchors are not supported"},
		{"undefined alias", "api-key: *secret-value\n", "not valid YAML"},
		{"merge key", "<<: {agent: a}\n", "line 1: a name in an object must be a string"},
		{"two documents", "agent: core\n---\nagent: operator\n", "line 2: expected one document"},
		{"a bad value", "timeout: secret-value", `timeout (user file`},
		{"duration without a unit", "timeout: 30", `"30" is not a duration`},
		{"too short", "poll-interval: 99ms", `must be at least 100ms`},
		{"invalid duration", "timeout: 0s", "must be more than 0"},
		{"too long", "timeout: 53w", `must be at most 8760h0m0s`},
		{"invalid color", "color: pink", `"pink" is not auto, always or never`},
		{"huge", "# " + strings.Repeat("x", maxFile), "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := place(t, nil)
			write(t, UserFile(p), tt.content)
			_, err := Load(p, nil)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v", err)
			}
			hinted, _ := errors.AsType[*InvalidError](err)
			if hint := "the unit is missing, as in 30s, 30m or 30h"; (hinted != nil && hinted.Hint() == hint) != (tt.name == "duration without a unit") {
				t.Errorf("%v has the hint %q", err, hint)
			}
			if strings.HasPrefix(tt.err, "not valid") && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error contains a value: %v", err)
			}
		})
	}
}

func TestValuesAreReadAsText(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "browser-window-id: 0123\napi-key: 1234567890123456789012\nAgent: yes\nngrok:\n  domain: 1e3\npublic-url:\ncallback-secret: 2026-01-02\nstate-dir: 'null'\n"+
		"profiles:\n  Eu.Prod:\n    time-zone: 0x10\n  empty: {}\n  none:\n")
	p.Profile = "eu.prod"
	s, err := Load(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		BrowserWindowID: "0123", APIKey: "1234567890123456789012", NgrokDomain: "1e3", Agent: "yes", PublicURL: "", CallbackSecret: "2026-01-02", StateDir: "null", TimeZone: "0x10",
	} {
		if got := s.Get(name).Text; got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if p.Profile = "empty"; len(s.Warnings) > 0 {
		t.Error(s.Warnings)
	}
	if _, err := Load(p, nil); err != nil {
		t.Error(err)
	}
	p.Profile = "EuProd"
	if _, err := Load(p, nil); err == nil || !strings.HasSuffix(err.Error(), "did you mean Eu.Prod?") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownSettingsCauseAWarning(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "API-kye: x\nngrok:\n  Domian: y\nprofiles:\n  p:\n    agnet: z\n")
	write(t, filepath.Join(p.Dir, projectFileName), "agent: core\nstate-dir: x\nAPI-Key: y\nprofiles: {p: {agent: core}}\n")
	s, err := Load(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	user, project := UserFile(p)+": ", filepath.Join(p.Dir, projectFileName)+": "
	want := []string{
		user + `unknown setting "API-kye"; did you mean api-key?`,
		user + `unknown setting "ngrok.Domian"; did you mean ngrok.domain?`,
		user + `unknown setting "agnet"; did you mean agent?`,
		project + "a project file may not set api-key: ignored",
		project + "a project file may not set state-dir: ignored",
		project + "a project file may not set profiles: ignored",
	}
	if diff := cmp.Diff(want, s.Warnings); diff != "" {
		t.Error(diff)
	}
	if s.Get(APIKey).Set() || s.Get(StateDir).Set() || s.Get(Agent).Text != "core" {
		t.Errorf("%+v", s)
	}
}

func TestByteOrderMarkIsIgnored(t *testing.T) {
	p := place(t, nil)
	write(t, UserFile(p), "\ufeffagent: core\n")
	s, err := Load(p, nil)
	if err != nil || s.Get(Agent).Text != "core" {
		t.Errorf("%v", err)
	}
}

func TestWriteSetsValuesThatLoadReads(t *testing.T) {
	p := place(t, nil)
	value := func(s string) *string { return &s }
	for _, step := range []struct {
		profile, key string
		value        *string
		want         string
	}{
		{"", Agent, value("a"), "agent: a\n"},
		{"", BrowserWindowID, value("0123"), "agent: a\nbrowser-window-id: \"0123\"\n"},
		{"", Agent, nil, "browser-window-id: \"0123\"\n"},
		{"Eu.Prod", NgrokDomain, value("x"), "browser-window-id: \"0123\"\nprofiles:\n  Eu.Prod:\n    ngrok:\n      domain: x\n"},
		{"eu.prod", NgrokDomain, value("y"), "browser-window-id: \"0123\"\nprofiles:\n  Eu.Prod:\n    ngrok:\n      domain: y\n"},
	} {
		if err := Write(UserFile(p), step.profile, step.key, step.value); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(UserFile(p))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, string(got)); diff != "" {
			t.Error(diff)
		}
		if left, _ := os.ReadDir(filepath.Dir(UserFile(p))); len(left) != 1 {
			t.Errorf("files left: %v", left)
		}
		p.Profile = step.profile
		if s, err := Load(p, nil); err != nil || step.value != nil && s.Get(step.key).Text != *step.value || len(s.Warnings) > 0 {
			t.Errorf("%s: %+v, %v", step.key, s, err)
		}
	}
}

func TestWriteRefusesInvalidFiles(t *testing.T) {
	for _, text := range []string{"agent: a\n---\nagent: b\n", "agent: a\nagent: b\n", "agent: &x a\n", "secret-value", "a: b\n  c: secret-value", "# " + strings.Repeat("x", maxFile)} {
		p := place(t, nil)
		write(t, UserFile(p), text)
		b := "b"
		if err := Write(UserFile(p), "", Agent, &b); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.20q: %v", text, err)
		}
		if got, _ := os.ReadFile(UserFile(p)); string(got) != text {
			t.Errorf("%.20q is now %.20q", text, got)
		}
	}
}

func TestUnsetRemovesSingleValuesOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	before := "profiles:\n  p:\n    api-key: x\n"
	write(t, path, before)
	if err := Write(path, "", "profiles", nil); err == nil || !strings.Contains(err.Error(), "profiles is not a single value") {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != before {
		t.Errorf("the file has %q", got)
	}
}

func TestWriteThroughALinkKeepsTheLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "dotfiles", "narada.yaml"), filepath.Join(dir, "config.yaml")
	write(t, target, "agent: a\n")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if _, err := os.Readlink(link); err != nil {
		t.Skip("Wine makes links that it does not follow: ", err)
	}
	b := "b"
	if err := Write(link, "", Agent, &b); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "agent: b\n" {
		t.Errorf("the target has %q", got)
	}
}

func TestAFlagThatIsNotGivenHasTheValueOfItsSetting(t *testing.T) {
	env := map[string]string{"NARADA_VIA": "poll", "NARADA_CONCURRENCY": "3", "NARADA_MODE": "cloud"}
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	via, mode, concurrency := flags.String("via", "auto", ""), flags.String("mode", "", ""), flags.Int("concurrency", 8, "")
	for _, name := range []string{Via, Mode, Concurrency} {
		Fill(flags, name, name)
	}
	if err := flags.Parse([]string{"--via", "callback"}); err != nil {
		t.Fatal(err)
	}
	s, err := Load(Place{Getenv: func(name string) string { return env[name] }, Dir: t.TempDir()}, flags)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(flags); err != nil || *via != "callback" || *mode != "cloud" || *concurrency != 3 {
		t.Errorf("via %s, mode %s, concurrency %d, %v", *via, *mode, *concurrency, err)
	}
}

func TestANumberHasBounds(t *testing.T) {
	key, err := Lookup(Concurrency)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"1": true, "10000": true, "0": false, "-1": false, "10001": false, "1.5": false, "many": false} {
		if got := key.Check(text) == nil; got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestWhiteSpaceAroundATokenIsRemoved(t *testing.T) {
	env := map[string]string{"NARADA_API_KEY": " key\r\n", "NGROK_AUTHTOKEN": "token\n", "NARADA_CALLBACK_SECRET": " secret "}
	s, err := Load(Place{Getenv: func(name string) string { return env[name] }, Dir: t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{APIKey: "key", NgrokAuthtoken: "token", CallbackSecret: " secret "} {
		if got := s.Get(name).Text; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s, err := Load(place(t, map[string]string{"NARADA_API_KEY": "needle", "NGROK_AUTHTOKEN": "needle", "NARADA_CALLBACK_SECRET": "needle"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range Keys() {
		if shown := s.Get(key.Name).Shown(); strings.Contains(shown, "needle") {
			t.Errorf("%s shows %s", key.Name, shown)
		}
	}
	if shown := (Value{Text: "https://u:needle@h/?token=needle&page=2"}).Shown(); shown != "https://u:***@h/?token=***&page=2" {
		t.Errorf("a URL is shown as %s", shown)
	}
	if s.Secret(APIKey).Reveal() != "needle" {
		t.Error("the secret is lost")
	}
}
