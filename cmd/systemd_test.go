//go:build unix

package cmd

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/sandbox"
)

// unitFiles returns the units in docs/examples, by their file names.
func unitFiles(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../docs/examples/*.service")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no units: %v", err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(text)
	}
	return texts
}

func TestSystemdUnitsAreValid(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(err)
	}
	program, err := os.Executable() // it has to exist
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range unitFiles(t) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "/usr/local/bin/narada", program)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, "verify", "--man=no", path).CombinedOutput(); err != nil || strings.Contains(string(out), name) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// The services start with the variables that the page names, and the signal of systemctl stop
// ends them well, within the time that they have.
func TestSystemdServicesStartAndStop(t *testing.T) {
	page := guidePages(t)["scale.md"]
	cloud, err := sandbox.Start(context.Background(), sandbox.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close(context.Background()) })
	values := map[string]string{
		"NARADA_STORE": "", "NARADA_PUBLIC_URL": "https://hooks.example.com", "NARADA_ADDR": freeAddress(t), "NARADA_CALLBACK_SECRET": "s3cret",
		"NARADA_API_KEY": "key", "NARADA_RETENTION": "90d",
	}
	for name, text := range unitFiles(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := func(key string) string {
				t.Helper()
				m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(text)
				if m == nil {
					t.Fatalf("no %s", key)
				}
				return m[1]
			}
			_, section, found := strings.Cut(page, "examples/"+name)
			section, _, _ = strings.Cut(section, "\n- ")
			section, _, _ = strings.Cut(section, "\n\n")
			c := exec.Command("narada", strings.Fields(value("ExecStart"))[1:]...)
			dir := t.TempDir()
			c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NARADA_STATE_DIR=" + dir, "NARADA_API_BASE_URL=" + cloud.URL(), "GORACE=atexit_sleep_ms=0"}
			for _, variable := range regexp.MustCompile("NARADA_[A-Z_]+").FindAllString(section, -1) {
				value, known := values[variable]
				if found = found && known; value != "" {
					c.Env = append(c.Env, variable+"="+value)
				}
			}
			if !found {
				t.Fatalf("the page does not say what it needs, or more than the test knows: %s", section)
			}
			stop := map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT}[value("KillSignal")]
			limit, err := time.ParseDuration(value("TimeoutStopSec") + "s")
			if err != nil {
				t.Fatal(err)
			}
			runService(t, c, stop, limit)
		})
	}
}

// runService starts the command, and stops it once it says that it listens, or waits.
func runService(t *testing.T, c *exec.Cmd, stop os.Signal, limit time.Duration) {
	t.Helper()
	stderr := &watched{re: regexp.MustCompile("listening on|waiting for")}
	var stdout bytes.Buffer
	c.Stdout, c.Stderr = &stdout, stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if eventually(stderr.matches) != nil {
		_ = c.Process.Kill()
		t.Errorf("it does not start")
	}
	began := time.Now()
	if err := c.Process.Signal(stop); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); err != nil || stdout.Len() > 0 {
		t.Errorf("%v: %s%s", err, stdout.String(), stderr)
	}
	if took := time.Since(began); took > limit {
		t.Errorf("it took %v to stop", took)
	}
}
