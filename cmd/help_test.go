package cmd

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Each flag of a command that has many of them is under a heading, and each heading has flags.
func TestFlagsHaveHeadings(t *testing.T) {
	headings := map[string]string{"help": "Flags"}
	unused := map[string]bool{}
	for _, g := range flagGroups() {
		for _, name := range g.Flags {
			if headings[name] != "" {
				t.Errorf("--%s is under %s and %s", name, headings[name], g.Heading)
			}
			headings[name], unused[name] = g.Heading, true
		}
	}
	commands := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		text := c.UsageString()
		grouped := strings.Contains(text, "\n"+headings["output"]+":\n")
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			delete(unused, f.Name)
			if grouped && headings[f.Name] == "" {
				t.Errorf("%s: --%s has no heading", c.CommandPath(), f.Name)
			}
		})
		if grouped {
			commands++
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(testRoot())
	if len(unused) > 0 {
		t.Errorf("no command has %v", unused)
	}
	if commands < 4 {
		t.Errorf("only %d commands have headings", commands)
	}
}
