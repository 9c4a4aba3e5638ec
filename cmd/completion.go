package cmd

import (
	"errors"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/completing"
	"github.com/narada-cli/narada/pkg/usage"
)

func newCompletion(inv *invocation) *cobra.Command {
	cmd := usage.Group("completion", "Install or print a shell completion script",
		"completion makes a script that completes narada's commands, flags and values in your shell: narada completion install.")
	cmd.AddCommand(newCompletionInstall(inv))
	for shell, example := range map[string]string{
		"bash":       "  source <(narada completion bash)",
		"zsh":        `  narada completion zsh > "${fpath[1]}/_narada"`,
		"fish":       "  narada completion fish > ~/.config/fish/completions/narada.fish",
		"powershell": "  narada completion powershell | Out-String | Invoke-Expression",
	} {
		cmd.AddCommand(&cobra.Command{
			Use:     shell,
			Short:   "Print the completion script for " + shell,
			Example: example,
			Args:    usage.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				text, err := completing.Script(cmd.Root(), shell)
				if err == nil {
					_, err = io.WriteString(inv.stdout, text)
				}
				return err
			},
		})
	}
	return cmd
}

func newCompletionInstall(inv *invocation) *cobra.Command {
	var shell string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the completion script of your shell",
		Long: `install writes the completion script to your own folder for it, and says what is left
to do: it does not change a file that the shell reads at its start, such as ~/.bashrc.

  bash        $XDG_DATA_HOME/bash-completion/completions/narada
  zsh         $XDG_DATA_HOME/zsh/site-functions/_narada
  fish        $XDG_CONFIG_HOME/fish/completions/narada.fish
  powershell  $XDG_DATA_HOME/narada/completion.ps1

The shell is that of $SHELL. To remove the completions, delete the file.`,
		Example: `  narada completion install
  narada completion install --shell fish`,
		Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCompletionInstall(inv, cmd.Root(), shell) },
	}
	cmd.Flags().Var(usage.Choice(&shell, "", completing.Shells...), "shell", "install for `SHELL`: bash, zsh, fish or powershell (default: that of $SHELL)")
	return cmd
}

func runCompletionInstall(inv *invocation, root *cobra.Command, shell string) (err error) {
	system := completing.System{Getenv: inv.app.getenv, GOOS: runtime.GOOS}
	if shell == "" {
		if shell, err = system.ShellOf(); err != nil {
			return usage.Errorf("narada completion install --shell bash, zsh, fish or powershell", "%v: $SHELL is %q", err, inv.app.getenv("SHELL"))
		}
	}
	// The script is the same whatever commands this call has.
	script, err := completing.Script(root, shell)
	if err != nil {
		return err
	}
	done, err := system.Install(shell, script)
	switch {
	case errors.Is(err, completing.ErrNoHome):
		return &exitError{code: codeUnexpected, text: err.Error(), next: "set HOME, or XDG_DATA_HOME and XDG_CONFIG_HOME"}
	case err != nil:
		return &exitError{code: codeUnexpected, text: "the completion script could not be written: " + cause(err), err: err}
	case done.Changed:
		inv.log.Info("installed", "the completions for "+shell+" are installed: "+done.Path)
	default:
		inv.log.Info("installed", "the completions for "+shell+" are up to date: "+done.Path)
	}
	for line := range strings.Lines(done.Next) {
		inv.log.Info("next", strings.TrimSuffix(line, "\n"))
	}
	return nil
}
