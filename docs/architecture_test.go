// Package docs tests that what the pages say of the code is so.
package docs

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the picture of the rooms in architecture.md")

const module = "github.com/narada-cli/narada/"

// room is a package of the project.
type room struct {
	name    string // path below pkg/, or cmd
	subject string // first sentence of its package comment, without "Package x"
	imports []string
	names   map[string]bool // identifiers that it declares, methods as Type.Method
	depth   int             // the longest way down
}

// readRooms reads the packages below cmd and pkg, without their tests.
func readRooms(t *testing.T) map[string]*room {
	t.Helper()
	rooms := map[string]*room{}
	for _, top := range []string{"../cmd", "../pkg"} {
		err := filepath.WalkDir(top, func(dir string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" {
				return fs.SkipDir
			}
			if r := readRoom(t, dir); r != nil {
				rooms[r.name] = r
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range rooms {
		r.measure(rooms)
	}
	return rooms
}

// readRoom reads one package; nil when the folder has none.
func readRoom(t *testing.T, dir string) *room {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	r := &room{name: roomName(strings.TrimPrefix(filepath.ToSlash(dir), "../")), names: map[string]bool{}}
	imports := map[string]bool{}
	files := 0
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files++
		if f.Doc != nil {
			r.subject = subject(f)
		}
		for _, i := range f.Imports {
			if name, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module); ours {
				imports[roomName(name)] = true
			}
		}
		for _, d := range f.Decls {
			r.declare(d)
		}
	}
	if files == 0 {
		return nil
	}
	r.imports = slices.Sorted(maps.Keys(imports))
	return r
}

func roomName(dir string) string { return strings.TrimPrefix(dir, "pkg/") }

func subject(f *ast.File) string {
	text := new(doc.Package).Synopsis(f.Doc.Text())
	text = strings.TrimPrefix(text, "Package "+f.Name.Name+" ")
	return strings.TrimSuffix(text, ".")
}

func (r *room) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			t := d.Recv.List[0].Type
			if p, ok := t.(*ast.StarExpr); ok {
				t = p.X
			}
			if id, ok := t.(*ast.Ident); ok {
				name = id.Name + "." + name
			}
		}
		r.names[name] = true
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				r.names[s.Name.Name] = true
				if i, ok := s.Type.(*ast.InterfaceType); ok {
					for _, m := range i.Methods.List {
						for _, id := range m.Names {
							r.names[s.Name.Name+"."+id.Name] = true
						}
					}
				}
			case *ast.ValueSpec:
				for _, id := range s.Names {
					r.names[id.Name] = true
				}
			}
		}
	}
}

// measure sets the depth: 0 for a room that imports none of ours.
func (r *room) measure(rooms map[string]*room) int {
	if r.depth == 0 {
		for _, name := range r.imports {
			r.depth = max(r.depth, rooms[name].measure(rooms)+1)
		}
	}
	return r.depth
}

// picture draws the rooms, those that import the most at the top: an arrow leads
// down, never up.
func picture(rooms map[string]*room) string {
	byDepth := map[int][]*room{}
	deepest := 0
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		r := rooms[name]
		byDepth[r.depth] = append(byDepth[r.depth], r)
		deepest = max(deepest, r.depth)
	}
	var b strings.Builder
	for depth := deepest; depth >= 0; depth-- {
		for _, r := range byDepth[depth] {
			arrows := ""
			if len(r.imports) > 0 {
				arrows = "→ " + strings.Join(r.imports, ", ")
			}
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%d  %-22s %s", depth, r.name, arrows), " "))
		}
		if depth > 0 {
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}

const (
	pictureBegin = "<!-- The rooms: go test ./docs -update writes them. -->\n```\n"
	pictureEnd   = "```\n<!-- End of the rooms. -->\n"
)

// The page has the arrows between the packages: one that is not there is either a
// mistake, or is added by go test ./docs -update and seen in the review.
func TestArchitecturePageHasTheArrows(t *testing.T) {
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), pictureBegin)
	got, after, closed := strings.Cut(rest, pictureEnd)
	if !found || !closed {
		t.Fatal("architecture.md has no place for the rooms")
	}
	want := picture(readRooms(t))
	if *update {
		if err := os.WriteFile("architecture.md", []byte(before+pictureBegin+want+pictureEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("architecture.md is stale, or an import is wrong (-page +code):\n%s", diff)
	}
}

// What no arrow may do, whatever the page says.
func TestArrowsThatMustNotBe(t *testing.T) {
	rooms := readRooms(t)
	outside := []string{"cmd", "term", "output", "config"} // words, terminal, settings
	for _, r := range rooms {
		for _, to := range r.imports {
			if to == "cmd" {
				t.Errorf("%s imports cmd", r.name)
			}
			if r.name != "cmd" && slices.Contains(outside, to) && !slices.Contains(outside, r.name) && r.name != "sandbox" && to != "output" {
				t.Errorf("%s imports %s: a room reports events and gets its options, cmd does the rest", r.name, to)
			}
			if strings.HasPrefix(to, "store/") && to != "store/engine" && r.name != "cmd" || to == "store/engine" && !strings.HasPrefix(r.name, "store/") {
				t.Errorf("%s imports the engine %s: it declares an interface", r.name, to)
			}
			if strings.HasSuffix(to, "test") && !strings.HasSuffix(r.name, "test") {
				t.Errorf("%s imports %s", r.name, to)
			}
		}
	}
	for name, allowed := range map[string][]string{"narada": nil, "webhook": {"narada"}, "secret": {"textfile"}} {
		if diff := cmp.Diff(allowed, rooms[name].imports); diff != "" && len(rooms[name].imports) > 0 {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Every `package.Name` in the page exists.
func TestNamesInTheArchitecturePageExist(t *testing.T) {
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rooms := map[string]*room{}
	for name, r := range readRooms(t) {
		rooms[path.Base(name)] = r
	}
	checked := 0
	for _, m := range regexp.MustCompile("`([a-z]+)\\.([A-Za-z]\\w*(?:\\.[A-Z]\\w*)?)`").FindAllStringSubmatch(string(page), -1) {
		r, ok := rooms[m[1]]
		if !ok { // a file's name, or a package of others
			continue
		}
		if checked++; !r.names[m[2]] && !slices.Contains([]string{"go", "md", "txtar"}, m[2]) {
			t.Errorf("%s has no %s", m[1], m[2])
		}
	}
	if checked < 10 {
		t.Errorf("only %d names were found", checked)
	}
}
