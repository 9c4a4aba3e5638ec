package cmd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/usage"
)

func newConfig(inv *invocation) *cobra.Command {
	cmd := usage.Group("config", "Get and set settings", `config reads and writes settings. The value of a setting is the first of: the flag, the
environment variable, the project file .narada.yaml, the profile, the user file, the
default. A profile that --profile selects, unlike NARADA_PROFILE, comes right after
the flags. narada config list prints all values and their origins.`)
	cmd.Example = `  # run tasks in that browser window
  narada config set browser-window-id window_xyz789

  # print the values and their origins
  narada config list`
	cmd.AddCommand(newConfigGet(inv), newConfigSet(inv), newConfigUnset(inv), newConfigList(inv), newConfigProfiles(inv), newConfigPath(inv))
	return cmd
}

// printText prints a line of a command without JSON output.
func printText(ctx context.Context, inv *invocation, text string) error {
	p, err := inv.printer(ctx, outputFlags{format: "text"})
	if err != nil {
		return err
	}
	return p.Text(text)
}

func newConfigGet(inv *invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "get KEY",
		Short:   "Print a setting's value",
		Long:    "get prints the value in force. It prints a secret as ***, and nothing for a setting without a value.",
		Example: "  narada config get timeout",
		Args:    usage.ExactArgs(1, "one KEY"),
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error {
			key, err := config.Lookup(args[0])
			if err != nil {
				return err
			}
			value := inv.settings.Get(key.Name)
			if !value.Set() {
				inv.log.Info("not-set", key.Name+" is not set")
				return nil
			}
			return printText(cmd.Context(), inv, value.Shown())
		}),
	}
}

func newConfigSet(inv *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Set a setting in the user file",
		Long: `set writes the value to the user file (narada config path), or with --profile to
that profile in it. Give a secret, or a store's URL with a password, as env:NAME, file:PATH or - (stdin).`,
		Example: `  narada config set api-key -
  narada config set browser-window-id window_xyz789
  narada --profile staging config set base-url https://staging.example.com/fast/v2`,
		Args: usage.ExactArgs(2, "KEY and VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runConfigSet(inv, args[0], args[1])
		},
	}
}

func runConfigSet(inv *invocation, name, value string) error {
	key, err := config.Lookup(name)
	if err != nil {
		return err
	}
	switch {
	case key.Secret || key.Name == config.Store && secret.IsReference(value):
		value, err = secretValue(inv, key, value)
	case key.Name == config.Store:
		err = checkNoPassword(key.Name, value)
	}
	if err != nil {
		return err
	}
	if err := checkSetting(key, value); err != nil && !key.Secret {
		return &config.InvalidError{What: key.Name, Err: err}
	}
	path := userFile(inv)
	if err := config.Write(path, profileName(inv), key.Name, &value); err != nil {
		return err
	}
	inv.log.Info("set", fmt.Sprintf("%s is set in %s", key.Name, path))
	return nil
}

// checkNoPassword refuses the URL of a store with a password. Others can see the command line.
func checkNoPassword(name, url string) error {
	if len(secret.InURLs(url)) == 0 {
		return nil
	}
	return usage.Errorf("give the URL as env:NAME, file:PATH or - (stdin); better, leave the password to the file that PGPASSFILE names",
		"%s: the URL has a password, which others can see on the command line", name)
}

// secretValue resolves the reference to a secret.
func secretValue(inv *invocation, key config.Key, ref string) (value string, err error) {
	next := "narada config set " + key.Name + " -"
	resolved, err := inv.source.Resolve(key.Name, ref)
	if inv.masker.Hide(resolved); ref == "-" && inv.app.StdinTerminal {
		next = ""
	}
	value = resolved.Reveal()
	if key.Token {
		value = strings.TrimSpace(value)
	}
	if err == nil && key.Name == config.APIKey {
		_, err = narada.NewClient(value)
		next = ""
	}
	if err != nil {
		return "", usage.Errorf(next, "%s: %v", key.Name, err)
	}
	return value, nil
}

// checkSetting checks a value before it is stored.
func checkSetting(key config.Key, value string) error {
	if value == "" {
		return fmt.Errorf("the value is empty; to remove the setting, run narada config unset %s", key.Name)
	}
	switch key.Name {
	case config.BaseURL:
		_, err := narada.ParseBaseURL(value)
		return err
	case config.TimeZone:
		return task.CheckZone(value)
	case config.Agent:
		return narada.CheckAgent(value)
	case config.BrowserWindowID:
		return narada.CheckWindowID(value)
	}
	return key.Check(value)
}

func newConfigUnset(inv *invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "unset KEY",
		Short:   "Remove a setting from the user file",
		Example: "  narada config unset browser-window-id",
		Args:    usage.ExactArgs(1, "one KEY"),
		RunE: func(_ *cobra.Command, args []string) error {
			path := userFile(inv)
			// An unknown key can be removed, too.
			err := config.Write(path, profileName(inv), args[0], nil)
			switch {
			case errors.Is(err, config.ErrNotSet):
				inv.log.Info("unset", fmt.Sprintf("%s is not set in %s", args[0], path))
				return nil
			case err == nil:
				inv.log.Info("unset", fmt.Sprintf("%s was removed from %s", args[0], path))
			}
			return err
		},
	}
}

func newConfigList(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all settings, their values and origins",
		Example: `  narada config list
  narada config list -o json --jq 'select(.layer == "environment") | .key'`,
		Args: usage.NoArgs,
		RunE: inv.printing(&out, func(_ context.Context, p *printer, _ []string) error { return listSettings(inv, p) }),
	}
	out.add(cmd)
	return cmd
}

// listSettings prints a table, or an object for each setting.
func listSettings(inv *invocation, p *printer) error {
	type setting struct {
		Key    string       `json:"key"`
		Value  string       `json:"value"`
		Layer  config.Layer `json:"layer"`
		Origin string       `json:"origin"`
		Env    string       `json:"environment"`
	}
	rows := [][]string{{"KEY", "VALUE", "ORIGIN"}}
	for _, key := range config.Keys() {
		v := inv.settings.Get(key.Name)
		rows = append(rows, []string{key.Name, term.OneLine(v.Shown()), v.Origin})
		if p.AsJSON {
			if err := p.Value(setting{key.Name, v.Shown(), v.Layer, v.Origin, key.Env}); err != nil {
				return err
			}
		}
	}
	if p.AsJSON {
		return nil
	}
	return p.Text(output.Table(rows, math.MaxInt))
}

func newConfigProfiles(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "profiles",
		Short: "List the profiles in the user file",
		Long: `profiles prints the profiles of the user file, in its order: name, base URL, whether it
has an API key, and whether it is in use. On a terminal it prints a table; elsewhere
it prints a line for each profile, with tabs between the columns, or with -o json an
object. narada --profile NAME login makes one.`,
		Example: `  narada config profiles
  narada config profiles --jq .name`,
		Args: usage.NoArgs,
	}
	cmd.RunE = withNewProfile(inv, func(cmd *cobra.Command, _ []string) error { // one that is missing is not listed
		p, err := inv.printer(cmd.Context(), out)
		if err != nil {
			return err
		}
		return listProfiles(inv, p)
	})
	out.add(cmd)
	return cmd
}

func listProfiles(inv *invocation, p *printer) error {
	yes := map[bool]string{true: "yes", false: "-"}
	list := output.NewList(p, inv.app.stdoutWidth, "PROFILE", "BASE URL", "API KEY", "IN USE")
	for _, f := range inv.settings.Profiles {
		f.BaseURL = secret.MaskURLs(f.BaseURL)
		if err := list.Add(f, f.Name, dash(f.BaseURL), yes[f.HasKey], yes[f.InUse]); err != nil {
			return err
		}
	}
	if list.Count == 0 {
		inv.log.Info("profiles", "no profiles in "+userFile(inv)+"; narada --profile NAME login makes one")
	}
	return list.Finish(nil)
}

func newConfigPath(inv *invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print the path of the user file",
		Example: `  $EDITOR "$(narada config path)"`,
		Args:    usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := userFile(inv)
			if path == "" {
				return &exitError{code: codeUnexpected, text: "no path for the user file: " + config.Home("AppData") + " is not set", next: "set it, or XDG_CONFIG_HOME"}
			}
			return printText(cmd.Context(), inv, path)
		},
	}
}

func userFile(inv *invocation) string {
	return config.UserFile(config.Place{Getenv: inv.app.getenv})
}

func profileName(inv *invocation) string {
	if inv.profile != "" {
		return inv.profile
	}
	return inv.app.getenv("NARADA_PROFILE")
}
