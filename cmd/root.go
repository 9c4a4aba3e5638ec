package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/help"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/usage"
)

// command is a command of narada, or a help topic.
type command struct {
	name string
	make func(*invocation) *cobra.Command
}

// commands has them in the order of the help.
var commands = [...]command{
	{"run", newRun}, {"dispatch", newDispatch}, {"status", newStatus}, {"listen", newListen},
	{"batch", newBatch}, {"history", newHistory}, {"usage", newUsage}, {"ui", newUI}, {"replay", newReplay}, {"trigger", newTrigger}, {"check", newCheck}, {"session", newCloudSession}, {"sandbox", newSandbox}, {"api", newAPI}, {"store", newStore}, {"doctor", newDoctor},
	{"login", newLogin}, {"logout", newLogout}, {"config", newConfig}, {"completion", newCompletion}, {"version", newVersion},
	{"exit-codes", newExitCodesTopic}, {"environment", newEnvironmentTopic},
}

// commandsFor returns the commands that the arguments can name. Making all of them
// takes longer than the rest of the start.
func commandsFor(args []string) []command {
	if len(args) == 1 && args[0] == "--version" {
		return nil
	}
	if len(args) > 2 && completes(args) {
		args = args[1:]
	}
	for i, c := range commands {
		if len(args) > 0 && args[0] == c.name {
			return commands[i : i+1]
		}
	}
	return commands[:]
}

// newRoot makes the root command with these commands.
func newRoot(inv *invocation, commands []command) *cobra.Command {
	root := &cobra.Command{
		Use:   "narada",
		Short: "Dispatch tasks to Narada Cloud's web agents and get the answers",
		Long: `narada submits a prompt to Narada Cloud's Remote Dispatch, receives the answer (by a
callback to a temporary public address, by polling, or by both) and prints it to
stdout. The exit code says how the task ended.`,
		Example: `  # try it without an account, against a local stand-in for the cloud
  narada run --sandbox "search for software engineering jobs and count the results"

  # run a task in the cloud
  export NARADA_API_KEY=...
  narada run --window ID "search for software engineering jobs and count the results"`,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           inv.app.Build.version(),
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(*cobra.Command, []string) error { return checkGlobals(inv) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args)
		},
	}
	root.SetVersionTemplate(inv.app.Build.line() + "\n")
	root.SetFlagErrorFunc(flagError)
	// The help has the flags in the order of their declaration.
	root.PersistentFlags().SortFlags = false

	addGlobals(inv, root.PersistentFlags())
	for _, c := range commands {
		root.AddCommand(c.make(inv))
	}
	root.SetHelpCommand(usage.Help("help prints the help of a command, as its --help does, or of a topic: exit-codes, environment."))
	(&help.Printer{Width: func() int { return helpWidth(inv.app) }, Groups: flagGroups()}).Install(root)
	if completes(inv.app.Args) {
		usage.CompleteChoices(root)
		completions(inv).Install(root)
	}
	return root
}

// unknownCommand is the error for a word that is no command. A prompt is never one.
func unknownCommand(root *cobra.Command, args []string) error {
	word, near := args[0], usage.NearestCommand(root, args[0])
	next := "did you mean " + near + "?"
	switch {
	case near == "" || strings.ContainsAny(word, " \t\n"):
		next = "narada run " + output.ShellWord(strings.Join(args, " "))
	}
	return usage.Errorf(next, "unknown command %q", word)
}

// flagError words a flag error. If the command is unknown, that is the error.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.Parent() == nil && len(words) > 0 {
		return unknownCommand(cmd, words[:1])
	}
	return usage.FlagError(cmd, err)
}
