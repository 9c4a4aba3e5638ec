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

// command is one of narada's, or a help topic, that is made when it is wanted.
type command struct {
	name string
	make func(*invocation) *cobra.Command
}

// commands are all of them, in the order of their help.
var commands = [...]command{
	{"run", newRun}, {"dispatch", newDispatch}, {"status", newStatus}, {"listen", newListen},
	{"batch", newBatch}, {"history", newHistory}, {"replay", newReplay}, {"trigger", newTrigger}, {"check", newCheck}, {"session", newCloudSession}, {"sandbox", newSandbox}, {"doctor", newDoctor},
	{"config", newConfig}, {"completion", newCompletion}, {"version", newVersion},
	{"exit-codes", newExitCodesTopic}, {"environment", newEnvironmentTopic},
}

// wanted are the commands that the arguments can be about. Making all of them
// takes longer than the rest of the start.
func wanted(args []string) []command {
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

// newRoot makes the command line with these commands.
func newRoot(inv *invocation, commands []command) *cobra.Command {
	root := &cobra.Command{
		Use:   "narada",
		Short: "Hand work to Narada Cloud's web agents, and get the answer back",
		Long: `narada submits a prompt to Narada Cloud's Remote Dispatch, catches the answer
(by a callback on a temporary public address, by polling, or by both at once) and
prints it: one answer on stdout, one honest exit code.`,
		Example: `  # try it: a local stand-in for the cloud, no account and no network
  narada run --sandbox "search for software engineering jobs and count the results"

  # for real
  export NARADA_API_KEY=...
  narada run --window ID "search for software engineering jobs and count the results"`,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           inv.app.Build.version(),
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(*cobra.Command, []string) error { return inv.checkGlobals() },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args)
		},
	}
	root.SetVersionTemplate(inv.app.Build.line() + "\n")
	root.SetFlagErrorFunc(flagError)
	// A terminal that is narrow, and a page in docs/, want the flags as they come.
	root.PersistentFlags().SortFlags = false

	inv.addGlobals(root.PersistentFlags())
	fixed(root, "color", "auto", "always", "never")
	fixed(root, "log-format", "text", "json")

	for _, c := range commands {
		root.AddCommand(c.make(inv))
	}
	root.SetHelpCommand(newHelp())
	return root
}

// newHelp is cobra's help command, but for a word that it has no help on.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command or a topic",
		Long:  "help shows the help of a command, as its --help does, or of a topic: exit-codes, environment.",
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
				return usageError("narada --help lists the commands and topics", "there is no help on %q", strings.Join(args, " "))
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// unknownCommand helps on after a word that is no command: a prompt is never
// taken for one.
func unknownCommand(root *cobra.Command, args []string) error {
	word, near := args[0], nearestCommand(root, args[0])
	next := "did you mean " + near + "?"
	switch {
	case word == "login":
		return usageError("narada config set api-key -", "there is no command %q: narada needs an API key, and no more", word)
	case near == "" || strings.ContainsAny(word, " \t\n"):
		next = "narada run " + output.ShellWord(strings.Join(args, " "))
	}
	return usageError(next, "there is no command %q", word)
}

// subcommandOnly is for a command that has commands of its own and does nothing
// itself.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	next := cmd.CommandPath() + " --help lists its commands"
	if near := nearestCommand(cmd, args[0]); near != "" {
		next = "did you mean " + near + "?"
	}
	return usageError(next, "there is no command %q in %s", args[0], cmd.CommandPath())
}

// nearestCommand is the command of parent that word looks most like, "" when it
// looks like none.
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

// flagError words what is wrong with a flag, and names the nearest one.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.Parent() == nil && len(words) > 0 { // the command does not exist, and so has no flags
		return unknownCommand(cmd, words[:1])
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name, next := unknown.GetSpecifiedName(), cmd.CommandPath()+" --help lists the flags"
		if len(name) == 1 {
			return usageError(next, "there is no flag -%s", name)
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := spelling.Nearest(name, names); near != "" {
			next = "did you mean --" + near + "?"
		}
		return usageError(next, "there is no flag --%s", name)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		name, value := invalid.GetFlag().Name, invalid.GetValue()
		if syntax, ok := errors.AsType[*units.SyntaxError](err); ok {
			return usageError(syntax.Advice, "--%s: %q is not a %s", name, value, syntax.Kind)
		}
		if invalid.GetFlag().Value.Type() == "bool" {
			return usageError("", "--%s is a switch, and takes no value", name)
		}
		return usageError(cmd.CommandPath()+" --help", "--%s: %q is not a number", name, value)
	}
	return usageError(cmd.CommandPath()+" --help", "%v", err)
}

// exactArgs wants n arguments, which usage names.
func exactArgs(n int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError(cmd.CommandPath()+" --help", "%s wants %s", cmd.CommandPath(), usage)
		}
		return nil
	}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd.CommandPath()+" --help", "%s takes no argument, and here is %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// fixed completes a flag with values that are known.
func fixed(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
