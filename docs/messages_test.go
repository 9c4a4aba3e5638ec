package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Folders and files whose texts are not narada's: what the cloud or ngrok says, tests.
var ofOthers = []string{"../pkg/sandbox", "../pkg/store/storetest", "../pkg/tunnel/ngroktest", "../pkg/webhook/sample.go", "../pkg/oserr", "../pkg/schema/testdata"}

// What a text is given to that is not a message: it is looked for in what others say, or it
// is the help of a flag.
var noMessage = regexp.MustCompile(`^(Cut|Contains|HasPrefix|HasSuffix|TrimPrefix|TrimSuffix|ReplaceAll|MustCompile|\w*Var|\w*VarP|settingFlag|choiceFlag|ExecContext|QueryContext|Long|Short|Example|Usage|Use|Group|Help|prefixes)$`)

// What a whole message is given to.
var wholeMessage = regexp.MustCompile(`^(Errorf|Hint|Warn|inputError|text|Text)$|^errors\.New$`)

// message is a text that a person may see, or a part of one.
type message struct {
	at, text string
	whole    bool // it begins a message
}

// messages returns the texts with a space in the code of the command and of its rooms.
func messages(t *testing.T) (list []message) {
	t.Helper()
	for _, root := range []string{"../cmd", "../pkg"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if slices.Contains(ofOthers, filepath.ToSlash(path)) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				list = append(list, messagesOf(t, path)...)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(list) < 900 {
		t.Errorf("only %d texts were found", len(list))
	}
	return list
}

func messagesOf(t *testing.T, path string) (list []message) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var above []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		above = append(above, n)
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || isTag(above) {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if to := givenTo(above); err == nil && strings.Contains(text, " ") && !noMessage.MatchString(to) {
			list = append(list, message{fset.Position(lit.Pos()).String(), text, wholeMessage.MatchString(to)})
		}
		return true
	})
	return list
}

// isTag reports whether the last of the nodes is the tag of a field or an import.
func isTag(above []ast.Node) bool {
	switch above[len(above)-2].(type) {
	case *ast.Field, *ast.ImportSpec:
		return true
	}
	return false
}

// givenTo returns the function, the field or the variable that the last of the nodes is a
// value of.
func givenTo(above []ast.Node) string {
	for _, n := range slices.Backward(above) {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch f := n.Fun.(type) {
			case *ast.Ident:
				return f.Name
			case *ast.SelectorExpr:
				if x, ok := f.X.(*ast.Ident); ok && x.Name == "errors" {
					return "errors." + f.Sel.Name
				}
				return f.Sel.Name
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				return key.Name
			}
		case *ast.ValueSpec:
			return n.Names[0].Name
		case *ast.FuncDecl, *ast.FuncLit:
			return ""
		}
	}
	return ""
}

// The wordings of the glossary's table are in no message.
func TestWordingsThatAreNotUsed(t *testing.T) {
	wordings := forbidden(t, "Wordings that are not used")
	for _, m := range messages(t) {
		if found := wordings.FindString(m.text); found != "" {
			t.Errorf("%s: %q: %q", m.at, found, m.text)
		}
	}
}

// A name may begin a message with a capital: an argument, an abbreviation.
var capital = regexp.MustCompile(`^[A-Z][a-z]`)

// ending is what no message ends with.
var ending = regexp.MustCompile(`[^.][.!]$`)

func TestAMessageBeginsWithASmallLetterAndHasNoFullStop(t *testing.T) {
	whole := 0
	for _, m := range messages(t) {
		if !m.whole {
			continue
		}
		whole++
		if capital.MatchString(m.text) || ending.MatchString(m.text) {
			t.Errorf("%s: %q", m.at, m.text)
		}
		if strings.Contains(m.text, `"%s"`) || strings.Contains(m.text, "`%s`") {
			t.Errorf("%s: a value is quoted with %%q: %q", m.at, m.text)
		}
	}
	if whole < 300 {
		t.Errorf("only %d messages were found", whole)
	}
}
