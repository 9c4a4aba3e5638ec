package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// oracle is a validator of somebody else, which ours must agree with.
func oracle(doc []byte) (*jsonschema.Schema, error) {
	value, err := decode(doc)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	if err := c.AddResource(location, value); err != nil {
		return nil, err
	}
	return c.Compile(location)
}

type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("outside of the schema") }

// compareWithOracle says what ours and the oracle do not agree on, "" for
// nothing.
func compareWithOracle(doc []byte, values ...[]byte) (diff string) {
	defer func() {
		if p := recover(); p != nil && strings.Contains(string(debug.Stack()), "santhosh-tekuri/jsonschema/v6.") {
			diff = "" // it has no opinion
		} else if p != nil {
			panic(p)
		}
	}()
	ours, ourErr := Compile(doc)
	theirs, theirErr := oracle(doc)
	if (ourErr == nil) != (theirErr == nil) {
		return fmt.Sprintf("Compile: %v, but the oracle says %v", ourErr, theirErr)
	}
	if ourErr != nil {
		return ""
	}
	for _, value := range values {
		decoded, err := decode(value)
		if err != nil {
			continue
		}
		violations, err := ours.Validate(value)
		fits := err == nil && len(violations) == 0
		if theirErr := theirs.Validate(decoded); fits != (theirErr == nil) {
			return fmt.Sprintf("%s: %v %v, but the oracle says %v", value, violations, err, theirErr)
		}
		if quiet := fitsQuietly(ours, decoded); quiet != fits {
			return fmt.Sprintf("%s: fits is %v, but without asking for violations %v", value, fits, quiet)
		}
	}
	return ""
}

func fitsQuietly(s *Schema, value any) bool {
	return newEvaluator(s.program, false).evaluate(s.program.root, value, &path{}, nil, nil)
}

// suiteGroup is a schema of the JSON-Schema-Test-Suite with its tests.
type suiteGroup struct {
	file, Description string
	Schema            json.RawMessage
	Tests             []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

// suite reads the JSON-Schema-Test-Suite, which another module has with it.
func suite(t testing.TB, draft string) []suiteGroup {
	t.Helper()
	dir, err := suiteDir()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, draft, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of %s in %s: %v", draft, dir, err)
	}
	more, _ := filepath.Glob(filepath.Join(dir, draft, "optional", "format", "*.json"))
	var all []suiteGroup
	for _, file := range slices.Concat(files, more) {
		var groups []suiteGroup
		if err := readJSON(file, &groups); err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			g.file = filepath.Base(file)
			all = append(all, g)
		}
	}
	return all
}

var suiteDir = sync.OnceValues(func() (string, error) {
	const module = "github.com/google/jsonschema-go"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		return "", fmt.Errorf("where is the module %s? %w", module, err)
	}
	return filepath.Join(dir, "jsonschema", "testdata"), nil
})

// remote is where the suite has documents that must be fetched. A group whose
// schema is refused because it refers to one says nothing about what we do.
const remote = "http://localhost:1234/"

func isRemote(err error) bool {
	outside, ok := errors.AsType[*outsideError](err)
	return ok && strings.HasPrefix(outside.url, remote)
}

func TestOfficialSuite(t *testing.T) {
	for draft, d := range map[string]*dialect{"draft7": &draft7, "draft2020-12": &draft2020} {
		count, remotes := 0, 0
		for _, group := range suite(t, draft) {
			name := group.file + "/" + group.Description
			s, err := Compile(inDialect(group.Schema, d))
			switch {
			case isRemote(err):
				remotes++
				continue
			case err != nil:
				t.Errorf("%s: %s: %v", draft, name, err)
				continue
			}
			for _, test := range group.Tests {
				count++
				violations, err := s.Validate(test.Data)
				if err != nil || (len(violations) == 0) != test.Valid {
					t.Errorf("%s: %s: %s: got %v, %v", draft, name, test.Description, violations, err)
				}
			}
		}
		if count < 850 || remotes > 20 {
			t.Errorf("%s: %d tests were made, %d groups are about documents elsewhere", draft, count, remotes)
		}
	}
}

// inDialect is the schema with the "$schema", where it can have one.
func inDialect(schema []byte, d *dialect) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(schema, &object) != nil || object == nil {
		return schema
	}
	object = maps.Clone(object)
	object["$schema"], _ = json.Marshal(d.url + strings.Repeat("#", map[bool]int{true: 1}[d.version < 2019]))
	doc, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return doc
}

func TestAgreesWithTheOracleOnTheSuite(t *testing.T) {
	for _, draft := range []string{"draft7", "draft2020-12"} {
		for _, group := range suite(t, draft) {
			var values [][]byte
			for _, test := range group.Tests {
				values = append(values, test.Data)
			}
			for _, d := range dialects {
				name := fmt.Sprintf("%s/%s/%d", group.file, group.Description, d.version)
				if diff := compareWithOracle(inDialect(group.Schema, d), values...); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		}
	}
}

func readJSON(file string, target any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, target)
}
