package cmd

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/spelling"
	"github.com/narada-cli/narada/pkg/units"
)

// command is a command of narada, or a help topic.
type command struct {
	name string
	make func(*invocation) *cobra.Command
}

// commands has them in the order of the help.
var commands = [...]command{
	{"run", newRun}, {"dispatch", newDispatch}, {"status", newStatus}, {"listen", newListen},
	{"batch", newBatch}, {"history", newHistory}, {"replay", newReplay}, {"trigger", newTrigger}, {"check", newCheck}, {"session", newCloudSession}, {"sandbox", newSandbox}, {"doctor", newDoctor},
	{"config", newConfig}, {"completion", newCompletion}, {"version", newVersion},
	{"exit-codes", newExitCodesTopic}, {"environment", newEnvironmentTopic},
}

// commandsFor returns the commands that the arguments can name. Making all of them
// takes longer than the rest of the start.
func commandsFor(args []string) []command {
	if len(args) == 1 && args[0] == "--version" {
		return nil
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
	fixed(root, "color", "auto", "always", "never")
	fixed(root, "log-format", "text", "json")

	for _, c := range commands {
		root.AddCommand(c.make(inv))
	}
	root.SetHelpCommand(newHelp())
	return root
}

// newHelp is cobra's help command with an error for an unknown word.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command or a topic",
		Long:  "help prints the help of a command, as its --help does, or of a topic: exit-codes, environment.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if at, _, err := cmd.Root().Find(args); err == nil {
				for _, c := range at.Commands() {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError("narada --help lists the commands and topics", "no help for %q", strings.Join(args, " "))
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// unknownCommand is the error for a word that is no command. A prompt is never one.
func unknownCommand(root *cobra.Command, args []string) error {
	word, near := args[0], nearestCommand(root, args[0])
	next := "did you mean " + near + "?"
	switch {
	case word == "login":
		return usageError("narada config set api-key -", "unknown command %q: narada needs an API key only", word)
	case near == "" || strings.ContainsAny(word, " \t\n"):
		next = "narada run " + output.ShellWord(strings.Join(args, " "))
	}
	return usageError(next, "unknown command %q", word)
}

// group makes a command that only has subcommands.
func group(name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long, Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// subcommandOnly refuses arguments that are not a subcommand.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	next := cmd.CommandPath() + " --help lists its commands"
	if near := nearestCommand(cmd, args[0]); near != "" {
		next = "did you mean " + near + "?"
	}
	return usageError(next, "unknown command %q for %s", args[0], cmd.CommandPath())
}

// nearestCommand returns the command of parent that is most similar to word, or "".
func nearestCommand(parent *cobra.Command, word string) string {
	var names []string
	for _, c := range parent.Commands() {
		names = append(names, c.Name())
	}
	if near := spelling.Nearest(word, names); near != "" {
		return parent.CommandPath() + " " + near
	}
	return ""
}

// flagError words a flag error. For an unknown flag it names the most similar one.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.Parent() == nil && len(words) > 0 { // an unknown command
		return unknownCommand(cmd, words[:1])
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name, next := unknown.GetSpecifiedName(), cmd.CommandPath()+" --help lists the flags"
		if len(name) == 1 {
			return usageError(next, "unknown flag -%s", name)
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := spelling.Nearest(name, names); near != "" {
			next = "did you mean --" + near + "?"
		}
		return usageError(next, "unknown flag --%s", name)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		name, value := invalid.GetFlag().Name, invalid.GetValue()
		if syntax, ok := errors.AsType[*units.SyntaxError](err); ok {
			return usageError(syntax.Advice, "--%s: %q is not a %s", name, value, syntax.Kind)
		}
		if invalid.GetFlag().Value.Type() == "bool" {
			return usageError("", "--%s takes no value", name)
		}
		return usageError(cmd.CommandPath()+" --help", "--%s: %q is not a number", name, value)
	}
	return usageError(cmd.CommandPath()+" --help", "%v", err)
}

// argsError is the error for a wrong number of arguments.
func argsError(cmd *cobra.Command, expected string, n int) error {
	return usageError(cmd.CommandPath()+" --help", "expected %s, got %d argument%s", expected, n, plural(n != 1))
}

// exactArgs expects n arguments, which usage names.
func exactArgs(n int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return argsError(cmd, usage, len(args))
		}
		return nil
	}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd.CommandPath()+" --help", "%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// fixed completes a flag with fixed values.
func fixed(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
