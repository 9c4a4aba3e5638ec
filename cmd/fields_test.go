package cmd

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/sandbox"
)

// sentBody dispatches a task with these flags and returns the body that the API received.
func sentBody(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cloud, err := sandbox.Start(t.Context(), sandbox.Options{Delay: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close(t.Context())
	app, stdout, stderr := testApp(t, append([]string{"dispatch"}, args...)...)
	env := map[string]string{
		"NARADA_API_BASE_URL": cloud.URL(), "NARADA_API_KEY": "key", "NARADA_BROWSER_WINDOW_ID": "window_1", "TZ": "UTC",
		"FIELD_SECRET": "fr0m-the-env", "HOME": dir,
	}
	app.Lookup = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if code := app.Run(t.Context()); code != codeDone {
		t.Fatalf("narada %q: code %d: %s", app.Args, code, stderr)
	}
	tasks := cloud.Tasks()
	if len(tasks) != 1 || strings.TrimSpace(stdout.String()) != tasks[0].ID {
		t.Fatalf("%d tasks, stdout %s", len(tasks), stdout)
	}
	return string(tasks[0].Body)
}

// Each field of a task is sent by a flag and by a task file. Both bodies must be equal to
// that in testdata/fields, byte for byte.
func TestFlagAndFileGiveTheSameBody(t *testing.T) {
	paths, err := filepath.Glob("testdata/fields/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d fields, %v", len(paths), err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Chdir(t.TempDir())
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
				if err := os.MkdirAll(filepath.Dir(f.Name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want := strings.TrimSuffix(parts["body.json"], "\n")
			flags := strings.FieldsFunc(parts["flags"], func(r rune) bool { return r == '\n' })
			if diff := cmp.Diff(want, sentBody(t, ".", append(flags, "say hello")...)); diff != "" {
				t.Errorf("by flags:\n%s", diff)
			}
			if diff := cmp.Diff(want, sentBody(t, ".", "--task", "task.yaml", "--allow-env", "FIELD_SECRET")); diff != "" {
				t.Errorf("by file:\n%s", diff)
			}
		})
	}
}

// Every field of a request has a file in testdata/fields.
func TestEveryFieldHasATestFile(t *testing.T) {
	request := reflect.TypeFor[narada.Request]()
	for i := range request.NumField() {
		name, _, _ := strings.Cut(request.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			name = "another"
		}
		if _, err := os.Stat("testdata/fields/" + name + ".txtar"); err != nil {
			t.Error(err)
		}
	}
}
