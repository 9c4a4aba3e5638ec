package schema

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const suite = "testdata/suite"

// deviations maps a part of the name of a test that has another result here to the
// reason.
var deviations = map[string]string{
	"draft4/optional/zeroTerminatedFloats/": "1.0 is an integer, as in all later drafts",
	"draft7/optional/content/":              "encoded text is not decoded, as the later drafts require",
	"/optional/format/idn-email/":           "not among the library's formats",
	"/optional/format/idn-hostname/":        "not among the library's formats",
	`\a is not an ECMA 262 control escape/`: "the engine reads an unknown escape as the letter",
	"format-assertion: false: invalid":      "the library knows a vocabulary only where it is required",
}

// remotes loads the documents that the suite expects on a server.
type remotes struct{}

func (remotes) Load(url string) (any, error) {
	name, ok := strings.CutPrefix(url, "http://localhost:1234/")
	if !ok {
		return nil, errors.New("outside the document")
	}
	f, err := os.Open(path.Join(suite, "remotes", name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return jsonschema.UnmarshalJSON(f)
}

// The official JSON-Schema-Test-Suite, in testdata with its licence, from the module
// github.com/kaptinlin/jsonschema v0.6.0: each draft with its optional parts and
// formats.
func TestSuite(t *testing.T) {
	t.Parallel()
	needed := make(map[string]bool)
	for _, draft := range []struct {
		folder string
		draft  *jsonschema.Draft
	}{
		{"draft4", jsonschema.Draft4}, {"draft6", jsonschema.Draft6}, {"draft7", jsonschema.Draft7},
		{"draft2019-09", jsonschema.Draft2019}, {"draft2020-12", jsonschema.Draft2020},
	} {
		root := path.Join(suite, "tests", draft.folder)
		err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path.Join(root, name))
			if err != nil {
				return err
			}
			runSuite(t, draft.folder+"/"+strings.TrimSuffix(name, ".json"), draft.draft, text, needed)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range deviations {
		if !needed[name] {
			t.Errorf("%s is no longer a deviation", name)
		}
	}
}

func runSuite(t *testing.T, file string, draft *jsonschema.Draft, text []byte, needed map[string]bool) {
	var groups []struct {
		Description string
		Schema      json.RawMessage
		Tests       []struct {
			Description string
			Data        json.RawMessage
			Valid       bool
		}
	}
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		name := file + "/" + group.Description
		s, err := compileForSuite(group.Schema, draft, strings.Contains(file, "optional/format/"))
		if err != nil {
			if deviates(name, needed) {
				continue
			}
			t.Errorf("%q: %v", name, err)
			continue
		}
		for _, test := range group.Tests {
			violations, err := s.Validate(test.Data)
			if valid := err == nil && len(violations) == 0; valid != test.Valid && !deviates(name+"/"+test.Description, needed) {
				t.Errorf("%q: valid %v: %v %v", name+"/"+test.Description, valid, violations, err)
			}
		}
		if text, err := s.Sample(); err == nil {
			if violations, err := s.Validate(text); err != nil || len(violations) > 0 {
				t.Errorf("%q: the sample %s does not match: %v %v", name, text, violations, err)
			}
		}
	}
}

func deviates(name string, needed map[string]bool) bool {
	for part := range deviations {
		if strings.Contains(name+"/", part) {
			needed[part] = true
			return true
		}
	}
	return false
}

// compileForSuite is Compile with another loader and default draft, and with
// formats asserted where the suite expects it.
func compileForSuite(doc []byte, draft *jsonschema.Draft, formats bool) (*Schema, error) {
	s := &Schema{}
	c := s.newCompiler()
	c.UseLoader(remotes{})
	c.DefaultDraft(draft)
	if formats {
		c.AssertFormat()
	}
	return s, s.compile(c, doc)
}
