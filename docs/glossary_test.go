package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// forbidden is an expression for what the glossary's table under that heading has on the
// left.
func forbidden(t *testing.T, heading string) *regexp.Regexp {
	t.Helper()
	page, err := os.ReadFile("glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("glossary.md has no %q", heading)
	}
	table, _, _ = strings.Cut(table, "\n## ")
	var words []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(.+?)` \\|").FindAllStringSubmatch(table, -1) {
		words = append(words, strings.ReplaceAll(m[1], `\|`, "|"))
	}
	if len(words) < 15 {
		t.Fatalf("only %d words were found", len(words))
	}
	return regexp.MustCompile(`(?i)(?:^|\W)(?:` + strings.Join(words, "|") + `)(?:\W|$)`)
}

// The words of the glossary's second table are in no page, message, help text, comment
// or name.
func TestWordsThatAreNotUsed(t *testing.T) {
	words := forbidden(t, "Words that are not used")
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := filepath.ToSlash(path); {
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || strings.HasPrefix(name, "../pkg/schema/testdata") || strings.HasPrefix(name, "../pkg/sandbox/testdata")):
			return fs.SkipDir
		case d.IsDir() || name == "../docs/glossary.md" || name == "../docs/glossary_test.go":
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".md", ".txtar", ".sh", ".yaml":
		default:
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for number, line := range strings.Split(string(text), "\n") {
			if word := words.FindString(line); word != "" {
				t.Errorf("%s:%d: %q: %s", path, number+1, word, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 300 {
		t.Errorf("only %d files were read", files)
	}
}
