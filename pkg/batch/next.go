package batch

import (
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/output"
)

// Next returns what to do next about a batch of which Show has returned the lines without
// success. command makes a command of narada of its words.
func (s Summary) Next(failed []Outcome, command func(...string) []string) (hints []string) {
	count := map[action]int{}
	for _, o := range failed {
		count[nextAction(o.Phase)]++
	}
	count[actionResume] += max(s.Lines-s.Sent, 0)
	run, stdin := command(s.runWords()...), ""
	if s.Input == stdinPath {
		stdin = " < INPUT"
	}
	add := func(n int, what string, flags ...string) {
		if n > 0 {
			hints = append(hints, what+", with the same flags as before: "+strings.Join(slices.Concat(run, flags), " ")+stdin)
		}
	}
	add(count[actionResume], "resume")
	add(count[actionSend], "send failed lines again", "--retry-failed")
	add(count[actionReport], "check in the cloud which of the unknown tasks run; send them again", "--resend-unknown")
	add(count[actionKeep], "send pruned lines again, and all others", "--restart")
	if s.Sent > 0 {
		hints = append(hints, "print the results: "+strings.Join(command("batch", "results", s.Name), " "))
	}
	return hints
}

// nextAction returns what can be done with a line that has not succeeded: actionKeep for one
// that is only sent with all lines.
func nextAction(p Phase) action {
	switch p {
	case Finished, Refused:
		return actionSend
	case Unknown:
		return actionReport
	case Pruned:
		return actionKeep
	}
	return actionResume
}

// runWords returns the words that run the batch again, without its other flags.
func (s Summary) runWords() []string {
	words := []string{"batch", "run", output.ShellWord(s.Input)}
	if isSystem(s.Input) { // which has ended with its command
		words[2] = "INPUT"
	}
	if words[2] == "INPUT" || NameOf(s.Input) != s.Name {
		words = append(words, "--name", s.Name)
	}
	return words
}
