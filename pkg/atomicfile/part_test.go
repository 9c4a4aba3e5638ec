package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPartsThatKilledProcessesHaveLeftAreRemoved(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"a", prefix + "a", partPrefix + "a"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, partPrefix+"folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	part, _, err := Part(root, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.WriteString("running"); err != nil {
		t.Fatal(err)
	}
	RemoveParts(root)
	wantFolder(t, dir, ".narada-*=.narada-a .narada-*=running .narada-*=folder a=a")
	if err := part.Close(); err != nil {
		t.Fatal(err)
	}
	RemoveParts(root)
	wantFolder(t, dir, ".narada-*=.narada-a .narada-*=folder a=a")
}
