package output

import (
	"runtime"
	"strings"
)

// ShellWord quotes a word for the shell of this system, if it needs quotes: PowerShell on
// Windows, else a POSIX shell.
func ShellWord(word string) string {
	if runtime.GOOS == "windows" {
		return powerShellWord(word)
	}
	return posixWord(word)
}

func posixWord(word string) string {
	switch {
	case isPlain(word, "-_./:=@%+,"):
		return word
	case !strings.ContainsAny(word, "\"$`\\!"):
		return `"` + word + `"`
	}
	return ShellLiteral(word)
}

// powerShellWord is for cmd.exe, too, unless the word needs single quotes. PowerShell takes
// typographic quotation marks for plain ones, and splits an option at a dot.
func powerShellWord(word string) string {
	switch {
	case isPlain(word, `-_./:=%+\`) && !(strings.HasPrefix(word, "-") && strings.Contains(word, ".")):
		return word
	case !strings.ContainsAny(word, "\"$`“”„"):
		return `"` + word + `"`
	}
	for _, quote := range "'‘’‚‛" {
		word = strings.ReplaceAll(word, string(quote), string(quote)+string(quote))
	}
	return "'" + word + "'"
}

// isPlain reports whether the word has only letters, digits and the marks.
func isPlain(word, marks string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(marks, r))
	})
}

// ShellLiteral quotes a word with single quotes, within which a POSIX shell changes nothing.
func ShellLiteral(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// ShellLine makes one line for the shell of this system of a command's words.
func ShellLine(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = ShellWord(word)
	}
	return strings.Join(quoted, " ")
}
