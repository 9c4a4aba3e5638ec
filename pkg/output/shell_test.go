package output

import (
	"os/exec"
	"runtime"
	"testing"
)

func TestAShellReadsQuotedWordsUnchanged(t *testing.T) {
	for word, want := range map[string]struct{ posix, powerShell string }{
		"req_1":         {"req_1", "req_1"},
		"":              {`""`, `""`},
		"two words":     {`"two words"`, `"two words"`},
		"it's":          {`"it's"`, `"it's"`},
		"it’s":          {`"it’s"`, `"it’s"`},
		"$HOME":         {"'$HOME'", "'$HOME'"},
		"$it's ’":       {`'$it'\''s ’'`, "'$it''s ’’'"},
		`a "b" 'c'`:     {`'a "b" '\''c'\'''`, `'a "b" ''c'''`},
		"“b”":           {`"“b”"`, "'“b”'"},
		`C:\x\y.json`:   {`'C:\x\y.json'`, `C:\x\y.json`},
		`C:\a b`:        {`'C:\a b'`, `"C:\a b"`},
		"bang!":         {"'bang!'", `"bang!"`},
		"`x`":           {"'`x`'", "'`x`'"},
		"über":          {`"über"`, `"über"`},
		"a\nb":          {"\"a\nb\"", "\"a\nb\""},
		"*":             {`"*"`, `"*"`},
		"a,b":           {"a,b", `"a,b"`},
		"@a":            {"@a", `"@a"`},
		"--limit=0.5":   {"--limit=0.5", `"--limit=0.5"`},
		"--timeout=20m": {"--timeout=20m", "--timeout=20m"},
	} {
		if got := posixWord(word); got != want.posix {
			t.Errorf("%q: %s, want %s", word, got, want.posix)
		}
		if got := powerShellWord(word); got != want.powerShell {
			t.Errorf("%q: %s, want %s", word, got, want.powerShell)
		}
		if got := ShellWord(word); got != map[bool]string{true: want.powerShell, false: want.posix}[runtime.GOOS == "windows"] {
			t.Errorf("%q: %s on this system", word, got)
		}
		sh, err := exec.LookPath("sh")
		if err != nil {
			continue
		}
		for _, quoted := range []string{posixWord(word), ShellLiteral(word)} {
			if back, err := exec.Command(sh, "-c", "printf %s "+quoted).Output(); err != nil || string(back) != word {
				t.Errorf("%q: a shell reads %s as %q, %v", word, quoted, back, err)
			}
		}
	}
}

func TestALineHasEachWordQuoted(t *testing.T) {
	if got := ShellLine("import", "two words", "$HOME"); got != `import "two words" '$HOME'` {
		t.Errorf("%s", got)
	}
}
