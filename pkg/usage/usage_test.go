package usage

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/units"
)

// newCommand returns a command with flags, below a parent with another command.
func newCommand() *cobra.Command {
	root := &cobra.Command{Use: "tool"}
	cmd := &cobra.Command{Use: "send", Run: func(*cobra.Command, []string) {}}
	root.AddCommand(cmd, &cobra.Command{Use: "status", Run: func(*cobra.Command, []string) {}})
	f := cmd.Flags()
	var format, name string
	var count int
	var quick bool
	var limit time.Duration
	f.Var(Choice(&format, "text", "text", "json", "csv"), "format", "")
	f.StringVar(&name, "name", "", "")
	f.String("path-prefix", "", "")
	f.IntVar(&count, "count", 1, "")
	f.BoolVarP(&quick, "quick", "q", false, "")
	f.Var(units.DurationFlag(&limit, time.Minute), "limit", "")
	return cmd
}

// told is what a person reads of an error: its text and its hint.
func told(err error) (text, hint string) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Error(), e.Hint()
	}
	return "", ""
}

func TestWrongNumbersOfArgumentsAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		check      cobra.PositionalArgs
		args       []string
		text, hint string
	}{
		"none":           {NoArgs, nil, "", ""},
		"one for none":   {NoArgs, []string{"now"}, `tool send takes no arguments, got "now"`, "tool send --help"},
		"one":            {OneArg("URL", "give one"), []string{"a"}, "", ""},
		"two for one":    {OneArg("URL", "give one"), []string{"a", "b"}, "expected one URL, got 2 arguments", "give one"},
		"a value":        {OneOf("EVENT", "on or off", "on", "off"), []string{"on"}, "", ""},
		"another value":  {OneOf("EVENT", "on or off", "on", "off"), []string{"up"}, `unknown event "up"`, "on or off"},
		"a mistake":      {OneOf("EVENT", "success or error", "success", "error"), []string{"sucess"}, `unknown event "sucess"`, "did you mean success?"},
		"no value":       {OneOf("EVENT", "on or off", "on", "off"), nil, "expected one EVENT, got 0 arguments", "on or off"},
		"two":            {ExactArgs(2, "KEY and VALUE"), []string{"a", "b"}, "", ""},
		"one for two":    {ExactArgs(2, "KEY and VALUE"), []string{"a"}, "expected KEY and VALUE, got 1 argument", "tool send --help"},
		"some":           {SomeArgs("an ID"), []string{"a", "b"}, "", ""},
		"none for some":  {SomeArgs("an ID"), nil, "expected an ID, got 0 arguments", "tool send --help"},
		"no subcommand":  {SubcommandOnly, nil, "", ""},
		"an unknown one": {SubcommandOnly, []string{"x"}, `unknown command "x" for tool send`, "tool send --help lists its commands"},
	} {
		text, hint := told(test.check(newCommand(), test.args))
		if text != test.text || hint != test.hint {
			t.Errorf("%s: %q, hint %q", name, text, hint)
		}
	}
}

func TestAMisspelledSubcommandIsSuggested(t *testing.T) {
	_, hint := told(SubcommandOnly(newCommand().Parent(), []string{"statu"}))
	if hint != "did you mean tool status?" {
		t.Errorf("hint %q", hint)
	}
}

func TestHelpRefusesAnUnknownWord(t *testing.T) {
	for name, test := range map[string]struct {
		args         []string
		prints, text string
	}{
		"of the program": {nil, "Use it well.", ""},
		"of a command":   {[]string{"files", "list"}, "List all files.", ""},
		"of a group":     {[]string{"files"}, "Keep files.", ""},
		"of neither":     {[]string{"files", "burn"}, "", `no help for "files burn"`},
	} {
		root := &cobra.Command{Use: "tool", Long: "Use it well.", SilenceErrors: true, SilenceUsage: true}
		files := Group("files", "Files", "Keep files.")
		files.AddCommand(&cobra.Command{Use: "list", Long: "List all files.", Run: func(*cobra.Command, []string) {}})
		root.AddCommand(files)
		root.SetHelpCommand(Help("help helps."))
		var b strings.Builder
		root.SetOut(&b)
		root.SetArgs(append([]string{"help"}, test.args...))
		text, hint := told(root.Execute())
		if text != test.text || (text != "") != (hint == "tool --help lists the commands and topics") || !strings.HasPrefix(b.String(), test.prints) || (b.Len() > 0) != (text == "") {
			t.Errorf("%s: %q, hint %q, prints %q", name, text, hint, b.String())
		}
	}
}

func TestArgumentsAreListedOnce(t *testing.T) {
	if diff := cmp.Diff([]string{"b", "a"}, Unique([]string{"b", "a", "b"})); diff != "" {
		t.Error(diff)
	}
}

func TestWrongFlagsAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		args       []string
		text, hint string
	}{
		"a value that is there":    {[]string{"--format", "json"}, "", ""},
		"a value that is not":      {[]string{"--format", "xml"}, `--format: "xml" is not text, json or csv`, ""},
		"an empty value":           {[]string{"--format", ""}, "--format: the value is empty", ""},
		"no number":                {[]string{"--count", "many"}, `--count: "many" is not a number`, "tool send --help"},
		"no duration":              {[]string{"--limit", "5"}, `--limit: "5" is not a duration`, "the unit is missing, as in 5s, 5m or 5h"},
		"a value that is not used": {[]string{"--quick=often"}, "--quick takes no value", ""},
		"a misspelled flag":        {[]string{"--formt", "xml"}, "unknown flag --formt", "did you mean --format?"},
		"the first word of a flag": {[]string{"--pth", "x"}, "unknown flag --pth", "did you mean --path-prefix?"},
		"an unknown short flag":    {[]string{"-x"}, "unknown flag -x", "tool send --help lists the flags"},
		"a flag without a value":   {[]string{"--name"}, "flag needs an argument: --name", "tool send --help"},
	} {
		cmd := newCommand()
		err := cmd.ParseFlags(test.args)
		if err != nil {
			err = FlagError(cmd, err)
		}
		if text, hint := told(err); text != test.text || hint != test.hint {
			t.Errorf("%s: %q, hint %q", name, text, hint)
		}
	}
}

func TestFlagsThatDoNotFitTogetherAreRefused(t *testing.T) {
	cmd := newCommand()
	if err := cmd.ParseFlags([]string{"--count", "2", "--name", "x"}); err != nil {
		t.Fatal(err)
	}
	f := cmd.Flags()
	for want, err := range map[string]error{
		"--name and --count cannot be used together": Exclusive(f, "name", "quick", "count"),
		"--name requires --quick":                    Requires(f, "quick", "limit", "name"),
		"--count: must be at least 3":                AtLeast("count", 2, 3),
		"--limit: must be at least 1s":               AtLeast("limit", time.Millisecond, time.Second),
	} {
		if text, _ := told(err); text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
	for _, err := range []error{Exclusive(f, "name", "quick"), Requires(f, "name", "count"), AtLeast("count", 2, 2)} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestTwoWaysToSayAThingAreRefused(t *testing.T) {
	ways := []Way{{"an ID", true}, {"--last", false}, {"--all", true}}
	if text, _ := told(OneWay(ways...)); text != "an ID and --all cannot be used together" {
		t.Errorf("%q", text)
	}
	if err := OneWay(ways[:2]...); err != nil {
		t.Error(err)
	}
}

func TestAPointInTimeIsReadOrRefused(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	if at, err := Time("since", "24h", now); err != nil || !at.Equal(now.Add(-24*time.Hour)) {
		t.Errorf("%v, %v", at, err)
	}
	if at, err := Time("since", "", now); err != nil || !at.IsZero() {
		t.Errorf("none: %v, %v", at, err)
	}
	_, err := Time("since", "soon", now)
	if text, _ := told(err); !strings.HasPrefix(text, `--since: "soon" is neither`) {
		t.Errorf("%q", text)
	}
}

func TestAnEmptyTextIsRefused(t *testing.T) {
	for text, args := range map[string][]string{"": {"--name", "x", "--quick"}, "--name: the value is empty": {"--name", ""}} {
		cmd := newCommand()
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		if got, _ := told(NoEmpty(cmd.Flags())); got != text {
			t.Errorf("%v: %q", args, got)
		}
	}
}

func TestFixedValuesAreCompleted(t *testing.T) {
	cmd := newCommand()
	CompleteChoices(cmd.Parent())
	complete, ok := cmd.GetFlagCompletionFunc("format")
	if !ok {
		t.Fatal("the flag has no completion")
	}
	values, _ := complete(cmd, nil, "")
	if diff := cmp.Diff([]string{"text", "json", "csv"}, values); diff != "" {
		t.Error(diff)
	}
	if _, ok := cmd.GetFlagCompletionFunc("name"); ok {
		t.Error("a flag without fixed values has a completion")
	}
}
