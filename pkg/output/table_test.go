package output

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATableIsAlignedAndAsWideAsTheTerminal(t *testing.T) {
	rows := [][]string{
		{"ID", "AGE", "ANSWER BY", "PROMPT"},
		{"req_1", "3m", "callback, not forwarded", "count the jobs of the company"},
		{"req_22", "5d", "poll", ""},
		{"世界", "1h", "é", "数一数这家公司有多少职位空缺"},
		{"👩‍👩‍👧", "1h", "e\u0301", "e\u0301e\u0301"},
	}
	for width, want := range map[int]string{
		200: "ID      AGE  ANSWER BY                PROMPT\nreq_1   3m   callback, not forwarded  count the jobs of the company\nreq_22  5d   poll\n" +
			"世界    1h   é                        数一数这家公司有多少职位空缺\n👩‍👩‍👧      1h   e\u0301                        e\u0301e\u0301",
		// the prompt is cut,
		60: "ID      AGE  ANSWER BY                PROMPT\nreq_1   3m   callback, not forwarded  count the jobs of the…\nreq_22  5d   poll\n" +
			"世界    1h   é                        数一数这家公司有多少…\n👩‍👩‍👧      1h   e\u0301                        e\u0301e\u0301",
		// and what is before it,
		48: "ID      AGE  ANSWER BY      PROMPT\nreq_1   3m   callback, no…  count the jobs of t…\nreq_22  5d   poll\n" +
			"世界    1h   é              数一数这家公司有多…\n👩‍👩‍👧      1h   e\u0301              e\u0301e\u0301",
		// and left out.
		40: "ID      AGE  PROMPT\nreq_1   3m   count the jobs of the comp…\nreq_22  5d\n世界    1h   数一数这家公司有多少职位空…\n👩‍👩‍👧      1h   e\u0301e\u0301",
		30: "ID      PROMPT\nreq_1   count the jobs of the…\nreq_22\n世界    数一数这家公司有多少…\n👩‍👩‍👧      e\u0301e\u0301",
		1:  "ID      PROMPT\nreq_1   count the…\nreq_22\n世界    数一数这…\n👩‍👩‍👧      e\u0301e\u0301",
	} {
		if diff := cmp.Diff(want, Table(rows, width)); diff != "" {
			t.Errorf("%d columns: %s", width, diff)
		}
	}
	if got := Table(nil, 28) + Table([][]string{{"a"}}, 28); got != "a" {
		t.Errorf("no rows, and one column: %q", got)
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
