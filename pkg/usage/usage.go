// Package usage checks a command line of cobra, and words what is wrong with it: the number
// of arguments, the values of flags, and flags that cannot be used together.
//
// The package is private to narada.
package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/spelling"
	"github.com/narada-cli/narada/pkg/units"
)

// Error is invalid usage or input.
type Error struct {
	Text string
	Next string // hint, or ""
}

func (e *Error) Error() string { return e.Text }

// Hint says what to do next.
func (e *Error) Hint() string { return e.Next }

// Errorf returns an *Error with that hint, which may be "".
func Errorf(hint, format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...), Next: hint}
}

// NoArgs refuses arguments.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Errorf(help(cmd), "%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// OneArg requires one argument, which the help calls name.
func OneArg(name, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		return number(len(args) == 1, hint, "one "+name, args)
	}
}

// OptionalArg allows one argument called name.
func OptionalArg(name, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		return number(len(args) <= 1, hint, "one "+name+" at most", args)
	}
}

// OneOf requires one argument that is one of the values.
func OneOf(name, hint string, values ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := OneArg(name, hint)(cmd, args); err != nil {
			return err
		}
		if !slices.Contains(values, args[0]) {
			return Errorf(cmp.Or(Meant(args[0], values...), hint), "unknown %s %q", strings.ToLower(name), args[0])
		}
		return nil
	}
}

// ExactArgs requires n arguments, which expected names.
func ExactArgs(n int, expected string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return number(len(args) == n, help(cmd), expected, args)
	}
}

// SomeArgs requires an argument, which expected names, or more.
func SomeArgs(expected string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return number(len(args) > 0, help(cmd), expected, args)
	}
}

func number(right bool, hint, expected string, args []string) error {
	if right {
		return nil
	}
	return Errorf(hint, "expected %s, got %s", expected, units.Count(len(args), "argument"))
}

// Group returns a command that only has subcommands.
func Group(name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long, Args: SubcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// Help returns a help command. Unlike cobra's own, it refuses an unknown word.
func Help(long string) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about a command or a topic", Long: long,
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
				return Errorf(help(cmd.Root())+" lists the commands and topics", "no help for %q", strings.Join(args, " "))
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// SubcommandOnly refuses arguments that are not a subcommand.
func SubcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	next := help(cmd) + " lists its commands"
	if near := NearestCommand(cmd, args[0]); near != "" {
		next = "did you mean " + near + "?"
	}
	return Errorf(next, "unknown command %q for %s", args[0], cmd.CommandPath())
}

// NearestCommand returns the command of parent that is most similar to word, or "".
func NearestCommand(parent *cobra.Command, word string) string {
	var names []string
	for _, c := range parent.Commands() {
		names = append(names, c.Name())
	}
	if near := spelling.Nearest(word, names); near != "" {
		return parent.CommandPath() + " " + near
	}
	return ""
}

// Meant returns the hint that names the value that is most similar to word, or "".
func Meant(word string, values ...string) string {
	if near := spelling.Nearest(word, values); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func help(cmd *cobra.Command) string { return cmd.CommandPath() + " --help" }

// Unique returns the arguments without duplicates.
func Unique(args []string) []string {
	var list []string
	for _, arg := range args {
		if !slices.Contains(list, arg) {
			list = append(list, arg)
		}
	}
	return list
}

// Exclusive refuses two of these flags on one command line.
func Exclusive(f *pflag.FlagSet, names ...string) error {
	var ways []Way
	for _, name := range names {
		ways = append(ways, Way{"--" + name, f.Changed(name)})
	}
	return OneWay(ways...)
}

// Requires refuses these flags without the flag that they belong to.
func Requires(f *pflag.FlagSet, required string, names ...string) error {
	for _, name := range names {
		if f.Changed(name) && !f.Changed(required) {
			return Errorf("", "--%s requires --%s", name, required)
		}
	}
	return nil
}

// AtLeast checks the value of a flag.
func AtLeast[N int | int64 | float64 | time.Duration](flag string, value, minimum N) error {
	if value >= minimum {
		return nil
	}
	return Errorf("", "--%s: must be at least %v", flag, minimum)
}

// Between checks the value of a flag.
func Between[N int | int64](flag string, value, minimum, maximum N) error {
	if value > maximum {
		text := fmt.Sprint(maximum)
		if size, ok := any(maximum).(int64); ok {
			text = units.Size(size)
		}
		return Errorf("", "--%s: must be at most %s", flag, text)
	}
	return AtLeast(flag, value, minimum)
}

// Time reads the value of a flag that is a point in time; "" is none.
func Time(flag, value string, now time.Time) (at time.Time, err error) {
	if value == "" {
		return at, nil
	}
	if at, err = units.ParseTime(value, now); err != nil {
		return at, Errorf("", "--%s: %v", flag, err)
	}
	return at, nil
}

// Way is one of the ways to say something on a command line.
type Way struct {
	Name  string // as "--last" or "an ID"
	Given bool
}

// OneWay refuses two of the ways on one command line.
func OneWay(ways ...Way) error {
	first := ""
	for _, way := range ways {
		switch {
		case !way.Given:
		case first != "":
			return Errorf("", "%s and %s cannot be used together", first, way.Name)
		default:
			first = way.Name
		}
	}
	return nil
}
