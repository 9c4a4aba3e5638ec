package cmd

import (
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/junit"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/usage"
)

// junitFlag is --junit.
type junitFlag struct{ path string }

func (j *junitFlag) add(cmd *cobra.Command, each string) {
	cmd.Flags().StringVar(&j.path, "junit", "", "write a JUnit report, with a test case for each "+each+", to `FILE`")
}

// check finds a path to which no report can be written, before anything else is done: it must
// not be that of another file of the command.
func (j *junitFlag) check(others ...string) error {
	if j.path == "" {
		return nil
	}
	for _, other := range others {
		if other != "" && atomicfile.Same(j.path, other) {
			return usage.Errorf("", "--junit: %s: the command uses this file for something else", j.path)
		}
	}
	if j.path == "-" {
		return usage.Errorf("", "--junit: name a file: stdout has the output")
	}
	if err := junit.CheckPath(j.path); err != nil {
		return usage.Errorf("", "--junit: %s: %v", j.path, err)
	}
	return nil
}

// write writes the report, if there is to be one.
func (j *junitFlag) write(s *junit.Suite) error {
	if j.path == "" {
		return nil
	}
	if err := s.WriteFile(j.path); err != nil {
		return &exitError{code: codeUnexpected, text: "--junit: " + j.path + ": " + err.Error(), err: err}
	}
	return nil
}

// visible returns a function that masks secrets in text and replaces control characters.
func visible(inv *invocation) func(string) string {
	return func(text string) string { return term.Visible(inv.masker.Mask(text)) }
}

// againJUnit is the command that writes the report of a batch again.
func againJUnit(name, path string) string {
	return "narada batch results " + output.ShellWord(name) + " --junit " + output.ShellWord(path)
}
