package cmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/completing"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store/postgres"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// completes reports whether the arguments are those of a shell that asks for completions.
func completes(args []string) bool {
	return len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// builtinAgents are those that --agent and the setting complete. There may be others.
var builtinAgents = []string{"operator", "operator-mini", "core", "core-mini", "generalist"}

// completions are the rules by which shells complete values.
func completions(inv *invocation) completing.Rules {
	request, batch, session := fromLedger(inv, completing.Requests), fromLedger(inv, completing.Batches), fromLedger(inv, completing.Sessions)
	listener, file, document, pem := complete(inv, addListeners, "listener"), completing.Files(), completing.Files("yaml", "yml", "json"), completing.Files("pem", "crt", "cer", "key")
	setting := func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeSetting(inv, cmd, args, prefix)
	}
	via, _ := config.FindKey(config.Via)
	return completing.Rules{
		Args: map[string]cobra.CompletionFunc{
			"narada status": request, "narada replay": request, "narada history show": completing.FirstArg(request),
			"narada batch show": completing.FirstArg(batch), "narada batch results": completing.FirstArg(batch),
			"narada batch work": completing.FirstArg(batch), "narada batch delete": completing.FirstArg(batch), "narada batch run": completing.FirstArg(file),
			"narada session stop": session, "narada session downloads": completing.FirstArg(session),
			"narada config get": setting, "narada config set": setting, "narada config unset": setting,
			"narada listen": file,
		},
		Flags: map[string]cobra.CompletionFunc{
			"profile": complete(inv, addProfiles), "previous": request, "cloud-session": session, "agent": complete(inv, nil, builtinAgents...),
			"via": complete(inv, addListeners, via.OneOf...), "callback-url": listener, "narada trigger --to": listener,
			"narada batch run --name": batch, "delimiter": complete(inv, nil, ",", ";", "tab", "|"),
			"schema": completing.Files("json"), "data": completing.Files("json"), "input": completing.Files("json"), "junit": completing.Files("xml"),
			"task": document, "mcp": document, "chat-history": document, "credentials": document, "rules": completing.Files("yaml", "yml"),
			"tls-cert": pem, "tls-key": pem, "cacert": pem, "prompt-file": file, "attach": file, "results": file, "ready-file": file,
			"var-file": file, "save": completing.Folders, "narada store copy --from": completing.Folders, "narada store copy --to": completing.Folders,
		},
	}
}

// completing completes the fixed values, and those that add finds with the settings.
func complete(inv *invocation, add func(context.Context, *invocation, *completing.Values), fixed ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		v := &completing.Values{Prefix: prefix, Given: args, Shown: visible(inv), Now: inv.app.start}
		return v.Add(fixed...).Find(cmd.Context(), func(ctx context.Context, v *completing.Values) error {
			if add == nil {
				return nil
			}
			inv.newProfile = true // one that is missing has no settings
			err := inv.load(cmd)
			if err == nil {
				add(ctx, inv, v)
			}
			return err
		})
	}
}

// fromLedger completes what find finds in the ledger, without changing that.
func fromLedger(inv *invocation, find func(context.Context, completing.Ledger, *completing.Values)) cobra.CompletionFunc {
	return complete(inv, func(ctx context.Context, inv *invocation, v *completing.Values) {
		if l, err := readLedger(ctx, inv); err == nil {
			defer l.Close()
			find(ctx, l, v)
		}
	})
}

func readLedger(ctx context.Context, inv *invocation) (completing.Ledger, error) {
	if sharesLedger(inv) {
		return postgres.NewReader(sharedOptions(inv, inv.settings.Get(config.Store).Text, nil))
	}
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	return sqlite.OpenReader(ctx, dir)
}

// addListeners adds the running listeners.
func addListeners(ctx context.Context, inv *invocation, v *completing.Values) {
	if !sharesLedger(inv) {
		if dir, err := inv.stateDir(); err == nil {
			running, _ := receive.Folder(dir).Running(ctx)
			for _, l := range running {
				v.Listener(l.Name, l.URL)
			}
		}
		return
	}
	if l, err := postgres.NewReader(sharedOptions(inv, inv.settings.Get(config.Store).Text, nil)); err == nil {
		defer l.Close()
		running, _ := l.RunningListeners(ctx)
		for _, one := range running {
			v.Listener(one.Name, one.URL)
		}
	}
}

func addProfiles(_ context.Context, inv *invocation, v *completing.Values) {
	for _, p := range inv.settings.Profiles {
		v.Add(p.Name)
	}
}

// completeSetting completes the names of settings, and of config set the values.
func completeSetting(inv *invocation, cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 1 && cmd.Name() == "set" {
		key, _ := config.FindKey(args[0])
		switch {
		case key.Name == config.StateDir:
			return completing.Folders(cmd, args, prefix)
		case key.Name == config.NgrokConnectCAs:
			return completing.Files("pem", "crt", "cer")(cmd, args, prefix)
		case key.Name == config.Via:
			return complete(inv, addListeners, key.OneOf...)(cmd, args, prefix)
		case key.Name == config.Agent:
			key.OneOf = builtinAgents
		}
		return complete(inv, nil, key.OneOf...)(cmd, args, prefix)
	}
	var names []cobra.Completion
	for _, k := range config.Keys() {
		if len(args) == 0 && strings.HasPrefix(k.Name, prefix) {
			names = append(names, cobra.CompletionWithDesc(k.Name, k.Usage))
		}
	}
	return names, completing.NoValues
}
