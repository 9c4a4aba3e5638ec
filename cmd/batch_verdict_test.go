package cmd

import (
	"testing"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/panics"
)

// The command that resumes neither restarts nor has the limit that stopped the batch.
func TestTheEndOfABatchIsAnErrorWithTheCommandThatResumes(t *testing.T) {
	inv := &invocation{app: &App{Args: []string{"batch", "run", "a b.txt", "--restart", "--max-credits", "5"}}}
	r := &batchRun{inv: inv, o: &batchRunOptions{batch: batch.Options{Path: "a b.txt"}}}
	for name, test := range map[string]struct {
		v    batch.Verdict
		code int
		text string
	}{
		"a panic":   {batch.Verdict{Ending: batch.Broken, Err: &panics.Error{Value: "broken"}}, codeUnexpected, "internal error: broken"},
		"a limit":   {batch.Verdict{Ending: batch.Limited, Err: batch.ErrCredits, Tally: batch.Tally{Total: 3, Ended: 1}}, codeUnfinished, "the tasks used too many credits: 1 of 3 lines have finished"},
		"a signal":  {batch.Verdict{Ending: batch.Interrupted, Err: batch.ErrInterrupted, Tally: batch.Tally{Total: 3}}, codeSignal, "interrupted: 0 of 3 lines have finished"},
		"a timeout": {batch.Verdict{Ending: batch.Unfinished, Tally: batch.Tally{Total: 3, Ended: 2}}, codeUnfinished, "1 of 3 lines have not finished"},
	} {
		err := r.verdict(test.v)
		if exitCode(err) != test.code || err.Error() != test.text || ownHint(err) != `resume: narada batch run "a b.txt" --max-credits MORE` {
			t.Errorf("%s: %d: %v; %s", name, exitCode(err), err, ownHint(err))
		}
	}
}
