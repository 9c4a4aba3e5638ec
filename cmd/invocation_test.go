package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/config"
)

// These flags set a setting. Other flags only have the same name as one.
func TestFlagsAreBoundWhereTheyAreDeclared(t *testing.T) {
	got := map[string]string{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		var bound []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if keys := f.Annotations["narada_setting"]; keys != nil {
				bound = append(bound, f.Name+"="+strings.Join(keys, ","))
			}
		})
		if slices.Sort(bound); len(bound) > 0 {
			got[c.CommandPath()] = strings.Join(bound, " ")
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	root := testRoot()
	walk(root)
	const (
		addr    = "addr=addr"
		task    = "agent=agent"
		mode    = "mode=mode"
		via     = "via=via"
		catch   = "ngrok-domain=ngrok.domain"
		public  = "public-url=public-url"
		poll    = "poll-interval=poll-interval"
		timeout = "timeout=timeout"
		place   = "time-zone=time-zone"
		window  = "window=browser-window-id"
	)
	join := func(list ...string) string { return strings.Join(list, " ") }
	want := map[string]string{
		"narada run":               join(addr, task, mode, catch, poll, public, place, timeout, via, window),
		"narada batch run":         join(addr, task, "concurrency=concurrency", mode, catch, poll, public, place, timeout, via, window),
		"narada batch work":        join(addr, "concurrency=concurrency", catch, poll, public),
		"narada dispatch":          join(task, mode, place, timeout, window),
		"narada status":            join(poll, timeout),
		"narada listen":            join(addr, catch, public),
		"narada doctor":            join(addr, catch, public),
		"narada session start":     timeout,
		"narada session stop":      timeout,
		"narada session downloads": timeout,
		"narada api":               timeout,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags that set a setting (-wanted, +bound):\n%s", diff)
	}
	for name, key := range map[string]string{"base-url": config.BaseURL, "color": config.ColorMode} {
		if bound := root.PersistentFlags().Lookup(name).Annotations; len(bound) != 1 {
			t.Errorf("--%s: %v, want %s", name, bound, key)
		}
	}
}

// Help, completion, version and the commands that repair a settings file work with an
// invalid one.
func TestHelpAndRepairWorkWithInvalidSettings(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--help"}, {"help", "run"}, {"run", "--help"}, {"help", "exit-codes"}, {"completion", "bash"}, {"version"}, {"--version"}, {"config", "path"}, {"config"}, {"config", "set", "timeout", "1m"},
	} {
		for name, content := range map[string]string{"bad value": "timeout: soon\n", "not YAML": "a: [\n"} {
			if len(args) > 1 && args[1] == "set" && name == "not YAML" {
				continue
			}
			app, _, stderr := testApp(t, args...)
			path := config.UserFile(config.Place{Getenv: app.getenv})
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if code := app.Run(t.Context()); code != codeDone {
				t.Errorf("narada %q, %s: code %d, %s", args, name, code, stderr)
			}
		}
	}
}
