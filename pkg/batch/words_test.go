package batch

import (
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func TestOutcomesAreDescribed(t *testing.T) {
	line := Line{Number: 3, ID: "acme"}
	for want, got := range map[string]string{
		"line 3 (acme): ":                   Prefix(store.Item{Batch: 1, Line: 3, ID: "acme"}),
		"":                                  Prefix(store.Item{}),
		"1 error, 2 success":                CountsText(map[narada.Status]int{"success": 2, "error": 1}),
		"1 error, 2 unfinished, 4 not sent": Tally{Total: 7, Ended: 1, Unfinished: 2, Counts: map[narada.Status]int{"error": 1}}.CountsText(),
		"1 success":                         Tally{Total: 1, Ended: 1, Counts: map[narada.Status]int{"success": 1}}.CountsText(),
		"line 3 (acme): refused: no agent":  Outcome{Line: line, State: State{Phase: Refused, Failure: "no agent"}}.Text(),
		"line 3 (acme): error, req_1: its result is not in the ledger; get it with: narada status req_1": Outcome{
			Line: line, State: State{Phase: Finished, Status: "error", RequestID: "req_1"}}.Text(),
		"line 3 (acme) and 2 more": Tally{Ended: 4, Counts: map[narada.Status]int{"success": 1}, FirstFailed: []Outcome{{Line: line}}}.FailedText(),
		"line 3 (acme), line 4":    Tally{Ended: 2, FirstFailed: []Outcome{{Line: line}, {Line: Line{Number: 4}}}}.FailedText(),
		"line 3 (acme): success, req_1, but its data does not fit the schema: /n: not a number": Outcome{
			Line: line, State: State{Phase: Finished, Status: "success", RequestID: "req_1"}, Mismatch: store.Mismatch{SchemaErrors: []string{"/n: not a number", "/m: missing"}}}.Text(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
