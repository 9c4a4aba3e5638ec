package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestATemporaryFolderIsRemovedAfterItsProcess(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // Windows
	create := func() (string, func()) {
		t.Helper()
		path, remove, err := TemporaryFolder("kind-")
		if err != nil {
			t.Fatal(err)
		}
		return path, remove
	}
	for _, name := range []string{"kind-of-mine", "other"} { // not such a folder
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	alive, removeAlive := create()
	dead := filepath.Join(dir, "kind-dead")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{lockName, "prompts"} {
		if err := os.WriteFile(filepath.Join(dead, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, remove := create()
	remove()
	wantFolder(t, dir, filepath.Base(alive)+"=folder kind-of-mine=folder other=folder")
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("the folder of a running process: %v", err)
	}
	removeAlive()
	wantFolder(t, dir, "kind-of-mine=folder other=folder")
}
