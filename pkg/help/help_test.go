package help

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

const about = `send sends a letter to a person, who lives in a house that has a door and a window.

The codes:
   0  done     the letter has arrived at the house and was read by the person
               who lives there
  10  unknown  nobody knows`

func command(flags int) *cobra.Command {
	root := &cobra.Command{Use: "post", Short: "Post", Long: "post posts."}
	send := &cobra.Command{Use: "send LETTER", Short: "Send a letter to a person who lives far away", Long: about, Example: "  post send a-letter-whose-name-is-longer-than-the-terminal-is-wide", Run: func(*cobra.Command, []string) {}}
	for i := range flags {
		send.Flags().Bool(fmt.Sprintf("flag-%c", 'a'+i), false, "send it in this way, which has a long description of several words")
	}
	root.PersistentFlags().BoolP("quiet", "q", false, "say nothing")
	topic := &cobra.Command{Use: "codes", Short: "What the codes mean", Long: about}
	root.AddCommand(send, topic)
	return root
}

func shown(t *testing.T, width, flags int, args ...string) string {
	t.Helper()
	root := command(flags)
	p := &Printer{Width: func() int { return width }, Groups: []Group{{"Way", []string{"flag-c", "flag-a"}}, {"None", []string{"missing"}}}}
	p.Install(root)
	var b bytes.Buffer
	root.SetOut(&b)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFewFlagsHaveNoHeadings(t *testing.T) {
	want := about + `

Usage:
  post send LETTER [flags]

Examples:
  post send a-letter-whose-name-is-longer-than-the-terminal-is-wide

Flags:
      --flag-a   send it in this way, which has a long description of several words
  -h, --help     help for send

Global Flags:
  -q, --quiet   say nothing
`
	if diff := cmp.Diff(want, shown(t, 0, 1, "send", "--help")); diff != "" {
		t.Error(diff)
	}
}

func TestManyFlagsHaveHeadings(t *testing.T) {
	text := shown(t, 0, many, "send", "--help")
	_, text, _ = strings.Cut(text, "\n\nWay:\n      --flag-c ")
	if !strings.Contains(text, "\n      --flag-a ") || strings.Contains(text, "None") {
		t.Error(text)
	}
	way, rest, _ := strings.Cut(text, "\n\nFlags:\n      --flag-b ")
	if strings.Count(way, "--flag-") != 1 || strings.Count(rest, "--flag-") != many-3 {
		t.Error(text)
	}
}

// Nothing but an example is wider than the terminal, and no word is broken.
func TestHelpIsWrapped(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"send", "--help"}, {"help", "codes"}} {
		for _, width := range []int{40, 60, 80} {
			wide, narrow := shown(t, 0, many, args...), shown(t, width, many, args...)
			if diff := cmp.Diff(strings.Fields(wide), strings.Fields(narrow)); diff != "" {
				t.Errorf("%v: other words at %d: %s", args, width, diff)
			}
			for line := range strings.Lines(narrow) {
				if len(line) > width+1 && !strings.Contains(line, "a-letter-whose") {
					t.Errorf("%v: %d columns of %d: %s", args, len(line), width, line)
				}
			}
		}
	}
	text := shown(t, 60, 0, "help", "codes")
	if want := "   0  done     the letter has arrived at the house and was\n               read by the person who lives there\n"; !strings.Contains(text, want) {
		t.Error(text)
	}
}

func TestTheRootListsCommandsAndTopics(t *testing.T) {
	text := shown(t, 0, 0, "--help")
	for _, want := range []string{"post posts.\n\nUsage:\n  post [command]\n", "\nAvailable Commands:\n", "\n  send        Send a letter to a person who lives far away\n", "\nAdditional help topics:\n  codes ", `Use "post [command] --help" for more information about a command.`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
