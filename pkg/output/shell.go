package output

import "strings"

// ShellWord quotes a word for a shell if it needs quotes.
func ShellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	switch {
	case word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }):
		return word
	case !strings.ContainsAny(word, "\"$`\\!"):
		return `"` + word + `"`
	}
	return ShellLiteral(word)
}

// ShellLiteral quotes a word with single quotes, within which a shell changes nothing.
func ShellLiteral(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// ShellLine makes one line for a shell of a command's words.
func ShellLine(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = ShellWord(word)
	}
	return strings.Join(quoted, " ")
}
