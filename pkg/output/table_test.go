package output

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATableIsAlignedAndAsWideAsTheTerminal(t *testing.T) {
	rows := [][]string{{"ID", "AGE", "PROMPT"}, {"req_1", "3m", "count the jobs of the company"}, {"req_22", "5d", ""}, {"é", "1h", "zähle die Stellen hier"}}
	want := "ID      AGE  PROMPT\nreq_1   3m   count the jobs…\nreq_22  5d\né       1h   zähle die Stel…"
	if diff := cmp.Diff(want, Table(rows, 28)); diff != "" {
		t.Error(diff)
	}
	if got := Table(nil, 28); got != "" {
		t.Errorf("no rows: %q", got)
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"0123456789", 10, "0123456789"},
		{"0123456789a", 10, "012345678…"},
		{"0123456789a", 1, "012345678…"},
		{"世界世界世界世界", 12, "世界世界世…"}, // each two columns wide
		{"👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 10, "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧…"},
		{"", 10, ""},
	} {
		if got := Cut(test.text, test.width); got != test.want {
			t.Errorf("%q in %d columns: %q, want %q", test.text, test.width, got, test.want)
		}
	}
}
