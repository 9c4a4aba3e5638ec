//go:build unix

package cmd

import (
	"bytes"
	"testing"
)

// Two runs of a batch, on two machines, and a worker continue by themselves whenever the
// server of their ledger was gone, also in the middle of a claim. No line is sent twice.
func TestMachinesThatRunABatchWaitForTheServerOfTheirLedger(t *testing.T) {
	t.Parallel()
	const lines, outages = 120, 3
	b := newFaultyBatch(t, lines, "delay: 50ms\nrules:\n  - text: done\n")
	s := b.withServer()
	b.args = []string{"batch", "run", "tasks.txt", "--results", "results.jsonl", "-c", "6", "--via", "poll", "--timeout", "1m"}
	c := b.start()
	other := b.machine("two", "batch", "run", "tasks.txt", "-c", "6", "--via", "poll", "--timeout", "1m", "--jq", ".line")
	work := b.machine("three", "batch", "work", "tasks", "--until-done", "-c", "2")
	for i := range outages {
		b.eventually(func() bool { return b.cloud.Stats().Dispatches > lines*(i+1)/(outages+1) }, &b.stderr)
		s.Kill()
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if exits := []int{code(c.Wait()), code(other.Wait()), code(work.Wait())}; exits[0]+exits[1]+exits[2] != codeDone {
		t.Fatalf("exit codes %d: %s %s %s", exits, b.stderr.String(), other.stderr.String(), work.stderr.String())
	}
	if n := len(bytes.Fields(other.stdout.Bytes())); n != lines {
		t.Errorf("the other run has printed %d results", n)
	}
	b.eachSucceededOnce(lines)
}

// So does one that is killed and resumed with a ledger that machines share.
func TestABatchOfASharedLedgerSendsEachLineOnceDespiteFaults(t *testing.T) {
	t.Parallel()
	b := newFaultyBatch(t, 300, faultRules())
	b.withServer()
	b.sendsEachLineOnce()
}
