package cmd

import (
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/usage"
)

func newCompletion(inv *invocation) *cobra.Command {
	cmd := usage.Group("completion", "Print a shell completion script",
		"completion prints a script that completes narada's commands, flags and values in your shell.")
	shells := []struct {
		name, example string
		write         func(root *cobra.Command) error
	}{
		{"bash", "  source <(narada completion bash)", func(root *cobra.Command) error { return root.GenBashCompletionV2(inv.stdout, true) }},
		{"zsh", `  narada completion zsh > "${fpath[1]}/_narada"`, func(root *cobra.Command) error { return root.GenZshCompletion(inv.stdout) }},
		{"fish", "  narada completion fish > ~/.config/fish/completions/narada.fish", func(root *cobra.Command) error { return root.GenFishCompletion(inv.stdout, true) }},
		{"powershell", "  narada completion powershell | Out-String | Invoke-Expression", func(root *cobra.Command) error { return root.GenPowerShellCompletionWithDesc(inv.stdout) }},
	}
	for _, shell := range shells {
		cmd.AddCommand(&cobra.Command{
			Use:     shell.name,
			Short:   "Print the completion script for " + shell.name,
			Example: shell.example,
			Args:    usage.NoArgs,
			RunE:    func(cmd *cobra.Command, _ []string) error { return shell.write(cmd.Root()) },
		})
	}
	return cmd
}
