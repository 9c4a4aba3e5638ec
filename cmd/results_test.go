package cmd

import (
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
)

// An answer costs credits: it is printed even if it cannot be checked.
func TestAnswerThatCannotBeCheckedIsPrinted(t *testing.T) {
	app, stdout, stderr := testApp(t)
	r, err := newResults(t.Context(), newInvocation(app), outputFlags{format: "json"}, "", false)
	if err != nil {
		t.Fatal(err)
	}
	if r.schema, err = schema.Compile([]byte(`{"properties": {"n": {"maximum": 3}}}`)); err != nil {
		t.Fatal(err)
	}
	const answer = `{"requestId":"req_1","status":"success","response":{"structuredOutput":{"n":1e99999}},"completedAt":"2026-01-01T00:00:00Z"}`
	result, err := narada.ParseResult([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.schema.CheckAnswer(result); err == nil {
		t.Fatal("the answer can be checked")
	}
	err = r.print(result)
	if code := exitCode(err); code != codeMismatch || strings.TrimSpace(stdout.String()) != answer || stderr.Len() == 0 {
		t.Errorf("code %d, %v, stdout %s, stderr %s", code, err, stdout, stderr)
	}
}
