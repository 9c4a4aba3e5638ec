package cmd

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The files that may start goroutines, wait, and use the network: the outside world,
// and the one that connects the rooms.
var outsideFiles = []string{"app.go", "wire.go"}

// The files that may use the streams themselves: one makes the writers, which make text
// from elsewhere safe for a terminal, in the others they are those of the user's command.
var streamFiles = []string{"invocation.go", "listen.go", "forward.go"}

const writesPast = "writes past inv.stdout and inv.stderr: "

// The limits of this folder.
const (
	maxLines       = 8_100
	maxFileLines   = 300
	maxTypeMethods = 20
)

// This folder declares commands, calls a room, and prints. What a room does, and how
// it waits, is in pkg.
func TestTheCommandLineIsThin(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	methods := map[string]int{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(text, []byte("\n"))
		if total += lines; lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", path, lines, maxFileLines)
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		countMethods(f, methods)
		if !slices.Contains(outsideFiles, path) {
			for _, what := range forbidden(f) {
				if slices.Contains(streamFiles, path) && strings.HasPrefix(what.text, writesPast) {
					continue
				}
				t.Errorf("%s: %s: %s", path, fset.Position(what.pos), what.text)
			}
		}
	}
	if total > maxLines {
		t.Errorf("the folder has %d lines, more than %d", total, maxLines)
	}
	for name, n := range methods {
		if n > maxTypeMethods {
			t.Errorf("%s has %d methods, more than %d", name, n, maxTypeMethods)
		}
	}
}

func countMethods(f *ast.File, methods map[string]int) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv == nil {
			continue
		}
		t := fn.Recv.List[0].Type
		if p, ok := t.(*ast.StarExpr); ok {
			t = p.X
		}
		if id, ok := t.(*ast.Ident); ok {
			methods[id.Name]++
		}
	}
}

type finding struct {
	pos  token.Pos
	text string
}

// forbidden finds what belongs in a room.
func forbidden(f *ast.File) (list []finding) {
	for _, i := range f.Imports {
		switch path, _ := strconv.Unquote(i.Path.Value); path {
		case "sync", "sync/atomic", "database/sql", "os/exec", "net":
			list = append(list, finding{i.Pos(), "imports " + path})
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			list = append(list, finding{n.Pos(), "starts a goroutine"})
		case *ast.SelectStmt:
			list = append(list, finding{n.Pos(), "waits in a select"})
		case *ast.SelectorExpr:
			id, ok := n.X.(*ast.Ident)
			if !ok {
				if of, ok := n.X.(*ast.SelectorExpr); ok && slices.Contains([]string{"app.Stdout", "app.Stderr", "streams.Out", "streams.Err"}, of.Sel.Name+"."+n.Sel.Name) {
					list = append(list, finding{n.Pos(), writesPast + n.Sel.Name})
				}
				break
			}
			switch name := id.Name + "." + n.Sel.Name; name {
			case "os.Stdout", "os.Stderr", "fmt.Print", "fmt.Printf", "fmt.Println":
				list = append(list, finding{n.Pos(), writesPast + name})
			case "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Sleep", "http.Client", "http.Server", "http.Transport", "http.Get", "http.Post":
				list = append(list, finding{n.Pos(), "uses " + name})
			}
		}
		return true
	})
	return list
}
