//go:build unix

package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The units are valid, and what they start are commands with flags that exist.
func TestSystemdUnits(t *testing.T) {
	paths, err := filepath.Glob("../docs/examples/*.service")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no units: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, line, found := strings.Cut(string(text), "ExecStart=/usr/local/bin/narada ")
		line, _, _ = strings.Cut(line, "\n")
		command, args, err := testRoot().Find(strings.Fields(line))
		if !found || err != nil || command.ParseFlags(args) != nil {
			t.Errorf("%s: %q is no command, %v", path, line, err)
		}
		tool, err := exec.LookPath("systemd-analyze")
		if err != nil {
			t.Skip(err)
		}
		program, err := os.Executable() // it has to exist
		if err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(t.TempDir(), filepath.Base(path))
		if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/narada", program)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, "verify", "--man=no", unit).CombinedOutput(); err != nil || strings.Contains(string(out), filepath.Base(path)) {
			t.Errorf("%s: %v: %s", path, err, out)
		}
	}
}
