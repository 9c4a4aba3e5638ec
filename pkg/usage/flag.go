package usage

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/spelling"
	"github.com/narada-cli/narada/pkg/units"
)

// choice is the value of a flag that has fixed values. It implements pflag.Value.
type choice[S ~string] struct {
	target *S
	values []string
}

// choiceError is a value that is not one of the fixed ones.
type choiceError struct{ expected string }

func (e *choiceError) Error() string { return "expected " + e.expected }

// Choice returns the value of a flag that sets target to one of these values. The default
// is byDefault, which may be another one.
func Choice[S ~string](target *S, byDefault S, values ...S) pflag.Value {
	*target = byDefault
	c := &choice[S]{target: target}
	for _, v := range values {
		c.values = append(c.values, string(v))
	}
	return c
}

// CompleteChoices completes the flags of a command, and of those below it, whose values are
// a Choice.
func CompleteChoices(cmd *cobra.Command) {
	complete := func(f *pflag.Flag) {
		if c, ok := f.Value.(interface{ choices() []string }); ok {
			// It fails only without the flag.
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(c.choices(), cobra.ShellCompDirectiveNoFileComp))
		}
	}
	cmd.PersistentFlags().VisitAll(complete)
	cmd.Flags().VisitAll(complete)
	for _, sub := range cmd.Commands() {
		CompleteChoices(sub)
	}
}

func (c *choice[S]) choices() []string { return c.values }

// Set implements pflag.Value.
func (c *choice[S]) Set(text string) error {
	if !slices.Contains(c.values, text) {
		last := len(c.values) - 1
		return &choiceError{strings.Join(c.values[:last], ", ") + " or " + c.values[last]}
	}
	*c.target = S(text)
	return nil
}

// String implements pflag.Value.
func (c *choice[S]) String() string {
	if c.target == nil {
		return ""
	}
	return string(*c.target)
}

// Type implements pflag.Value.
func (c *choice[S]) Type() string { return "string" }

// NoEmpty refuses a flag that was set to an empty text, usually by an unset variable of a
// script.
func NoEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" {
			err = emptyValue(f)
		}
	})
	return err
}

func emptyValue(f *pflag.Flag) error { return Errorf("", "--%s: the value is empty", f.Name) }

// FlagError words an error of parsing the flags. For an unknown flag it names the most
// similar one.
func FlagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown.GetSpecifiedName())
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return invalidValue(cmd, invalid)
	}
	return Errorf(help(cmd), "%v", err)
}

func unknownFlag(cmd *cobra.Command, name string) error {
	next := help(cmd) + " lists the flags"
	if len(name) == 1 {
		return Errorf(next, "unknown flag -%s", name)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	near := spelling.Nearest(name, names)
	if near == "" { // perhaps only the first word of a flag
		first := map[string]string{}
		for _, flag := range slices.Backward(names) {
			first[strings.SplitN(flag, "-", 2)[0]] = flag
		}
		near = first[spelling.Nearest(name, slices.Collect(maps.Keys(first)))]
	}
	if near != "" {
		next = "did you mean --" + near + "?"
	}
	return Errorf(next, "unknown flag --%s", name)
}

// invalidValue says what is wrong with the value of a flag.
func invalidValue(cmd *cobra.Command, invalid *pflag.InvalidValueError) error {
	f, value := invalid.GetFlag(), invalid.GetValue()
	syntax, isUnits := errors.AsType[*units.SyntaxError](invalid)
	choice, isChoice := errors.AsType[*choiceError](invalid)
	switch {
	case isUnits:
		return Errorf(syntax.Advice, "--%s: %q is not a %s", f.Name, value, syntax.Kind)
	case isChoice && value == "":
		return emptyValue(f)
	case isChoice:
		return Errorf("", "--%s: %q is not %s", f.Name, value, choice.expected)
	case f.Value.Type() == "bool":
		return Errorf("", "--%s takes no value", f.Name)
	}
	return Errorf(help(cmd), "--%s: %q is not a number", f.Name, value)
}
