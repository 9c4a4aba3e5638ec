package cmd

import (
	"fmt"
	"strings"

	gojunit "github.com/joshdk/go-junit"
	"github.com/rogpeppe/go-internal/testscript"
)

// scriptReport prints the test cases of a JUnit report, as another program reads it.
func scriptReport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	suites, err := gojunit.IngestFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var b strings.Builder
	for _, s := range suites {
		for _, c := range s.Tests {
			fmt.Fprintf(&b, "%s: %s\n", c.Status, c.Name)
		}
	}
	_, err = fmt.Fprint(ts.Stdout(), b.String())
	ts.Check(err)
}
