package output

import (
	"os/exec"
	"testing"
)

func TestShellReadsQuotedWordsUnchanged(t *testing.T) {
	for word, want := range map[string]string{
		"req_1": "req_1", "": `""`, "two words": `"two words"`, "it's": `"it's"`, "$HOME": "'$HOME'", `a "b" 'c'`: `'a "b" '\''c'\'''`,
		"back\\slash": `'back\slash'`, "bang!": "'bang!'", "`x`": "'`x`'", "über": `"über"`, "a\nb": "\"a\nb\"", "*": `"*"`,
	} {
		got := ShellWord(word)
		if got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
		sh, err := exec.LookPath("sh")
		if err != nil {
			continue
		}
		for _, quoted := range []string{got, ShellLiteral(word)} {
			if back, err := exec.Command(sh, "-c", "printf %s "+quoted).Output(); err != nil || string(back) != word {
				t.Errorf("%q: a shell reads %s as %q, %v", word, quoted, back, err)
			}
		}
	}
}

func TestALineHasEachWordQuoted(t *testing.T) {
	if got := ShellLine("./import.sh", "two words", "$HOME"); got != `./import.sh "two words" '$HOME'` {
		t.Errorf("%s", got)
	}
}
