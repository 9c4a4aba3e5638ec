package config

import (
	"os"
	"path/filepath"
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
