//go:build unix

package cmd

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// prints makes narada a function of a shell that prints its arguments in brackets, except when
// the shell asks for completions.
const prints = `narada() { case $1 in __complete*) command narada "$@";; *) printf '[%s]' "$@"; echo '<end>';; esac; }
`

const bashCompletion = "/usr/share/bash-completion/bash_completion"

// shells are those that are driven: what each needs, its arguments, and what it reads at its
// start, for its installed script.
var shells = []struct {
	name, shell, needs string
	args               []string
	rcFile             string
	rc                 func(script string) string
}{
	{"bash with bash-completion", "bash", bashCompletion, []string{"--noprofile", "-i"}, ".bashrc", func(string) string {
		return "PS1='READY> '\nsource " + bashCompletion + "\n" + prints
	}},
	{"bash alone", "bash", "", []string{"--noprofile", "-i"}, ".bashrc", func(script string) string {
		return "PS1='READY> '\nsource '" + script + "'\n" + prints
	}},
	{"zsh", "zsh", "", []string{"-d", "-i"}, ".zshrc", func(script string) string {
		return "PS1='READY> '\nunsetopt zle_bracketed_paste\nfpath=('" + filepath.Dir(script) + "' $fpath)\nautoload -Uz compinit && compinit -u\n" + prints
	}},
	{"fish", "fish", "", []string{"-i"}, ".config/fish/config.fish", func(string) string {
		return "function fish_prompt; echo -n 'READY> '; end\nfunction fish_greeting; end\n" +
			"function narada; if string match -q '__complete*' -- $argv[1]; command narada $argv; else; printf '[%s]' $argv; echo '<end>'; end; end\n"
	}},
}

// typed are lines with the tabulator key, and the arguments that must come of them; not in that shell,
// which does not filter files, and opens a menu of several values.
var typed = []struct{ keys, want, not string }{
	{"narada stat\t", "[status]", ""},
	{"narada history sh\t", "[history][show]", ""},
	{"narada status --wa\t", "[status][--wait]", ""},
	{"narada status req:1\t", "[status][req:1:abc]", ""},
	{"narada history show other\t", "[history][show][other;$(id)]", ""},
	{"narada status req:1:\t", "[status][req:1:abc]", ""},
	{"narada run --mode cloud_\t", "[run][--mode][cloud_browser]", ""},
	{"narada --profile my\t1\t", "[--profile][my profile: 1]", ""},
	{"narada --profile my\t2", "[--profile][my profile: 2]", ""},
	{"narada run --via listener:n\t", "[run][--via][listener:nightly]", ""},
	{"narada run --via=listener:n\t", "[run][--via=listener:nightly]", ""},
	{"narada dispatch --callback-url list\t:n\t", "[dispatch][--callback-url][listener:nightly]", "fish"},
	{"narada batch show com\t", "[batch][show][companies]", ""},
	{"narada config set color al\t", "[config][set][color][always]", ""},
	{"narada run --schema an\t", "[run][--schema][answer.json]", "fish"},
}

func TestShellsCompleteCommandsFlagsAndValues(t *testing.T) {
	home := t.TempDir()
	env := append(os.Environ(), "HOME="+home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "ZDOTDIR="+home, "NARADA_STATE_DIR="+filepath.Join(home, "state"),
		"TERM=xterm", "LC_ALL=C.UTF-8", "INPUTRC=/dev/null", "HISTFILE=", "NARADA_PROFILE=", "NARADA_STORE=")
	run := func(args ...string) string {
		t.Helper()
		c := exec.Command("narada", args...)
		c.Env, c.Dir = env, home
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for _, name := range []string{"answer.json", "answer.txt"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("--profile", "my profile: 1", "config", "set", "timeout", "1m")
	run("--profile", "my profile: 2", "config", "set", "timeout", "1m")
	fillLedger(t, filepath.Join(home, "state"), "req:1:abc", "req:2:def", "other;$(id)")
	registered, _, err := receive.Folder(filepath.Join(home, "state")).Register(t.Context(), receive.Candidate{Name: "nightly"})
	if err != nil {
		t.Fatal(err)
	}
	defer registered.Close()
	if err := registered.Publish(t.Context(), "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			_, err := exec.LookPath(s.shell)
			if err == nil && s.needs != "" {
				_, err = os.Stat(s.needs)
			}
			if err != nil && os.Getenv("NARADA_TEST_SHELLS") == "required" {
				t.Fatal(err)
			}
			if err != nil {
				t.Skipf("%s is not installed: %v", s.name, err)
			}
			out := run("completion", "install", "--shell", s.shell)
			_, script, _ := strings.Cut(strings.SplitN(out, "\n", 2)[0], ": ")
			path := filepath.Join(home, s.rcFile)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(s.rc(script)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, line := range typed {
				if line.not == s.shell {
					continue
				}
				typeLine(t, exec.Command(s.shell, s.args...), env, home, line.keys, line.want)
			}
		})
	}
}

// fillLedger makes a ledger with tasks of these request IDs, and a batch.
func fillLedger(t *testing.T, dir string, ids ...string) {
	t.Helper()
	l, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		numbers, err := l.Intend(t.Context(), []store.Intent{store.IntentOf(&narada.Request{Prompt: "prompt: " + id}, store.Intent{Source: "run", Prompt: "prompt: " + id, At: time.Now()})})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Write(t.Context(), &store.Accept{Task: numbers[0], RequestID: id, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.PutBatch(t.Context(), store.Batch{Name: "companies", Input: "companies: all.csv"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// screen is what a terminal has shown.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// until waits until the screen has shown the text.
func (s *screen) until(text string) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		found := strings.Contains(s.text.String(), text)
		s.mu.Unlock()
		if found {
			return nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("the terminal does not show %q, but %q", text, s.text.String())
}

// typeLine types the keys and the enter key in a new shell, which must print want.
func typeLine(t *testing.T, c *exec.Cmd, env []string, dir, keys, want string) {
	t.Helper()
	c.Env, c.Dir = env, dir
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan struct{})
	s := &screen{}
	go func() {
		defer close(shown)
		for b := make([]byte, 4096); ; {
			n, err := tty.Read(b)
			_, _ = s.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		tty.Close()
		<-shown
	}()
	if err := s.until("READY> "); err != nil {
		t.Fatal(err)
	}
	if _, err := tty.WriteString(keys + "\r"); err != nil {
		t.Fatal(err)
	}
	if err := s.until(want + "<end>"); err != nil {
		t.Errorf("%q: %v", keys, err)
	}
}

// fastest is the shortest time that the command takes, of several.
func fastest(t *testing.T, runs int, env []string, args ...string) time.Duration {
	t.Helper()
	best := time.Hour
	for range runs {
		c := exec.Command("narada", args...)
		c.Env = append(os.Environ(), env...)
		began := time.Now()
		out, err := c.CombinedOutput()
		if best = min(best, time.Since(began)); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	return best
}

func TestCompletionsAreQuick(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	for i := range 300 {
		ids = append(ids, fmt.Sprintf("req_%d", i))
	}
	fillLedger(t, dir, ids...)
	start := fastest(t, 15, nil, "--version")
	for what, env := range map[string]string{"with a ledger": "NARADA_STATE_DIR=" + dir, "without a ledger": "NARADA_STATE_DIR=" + filepath.Join(dir, "none")} {
		took := fastest(t, 15, []string{env, "NARADA_STORE=", "HOME=" + dir, "XDG_CONFIG_HOME="}, "__complete", "status", "")
		t.Logf("%s: %v, narada --version: %v", what, took, start)
		if took > 3*start+30*time.Millisecond {
			t.Errorf("%s: %v, narada --version: %v", what, took, start)
		}
	}
}

func TestCompletionsDoNotWaitForAStore(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, line := range []string{"status", "run --via"} {
		args := append([]string{"__complete"}, append(strings.Fields(line), "")...)
		if took := fastest(t, 1, []string{"NARADA_STORE=postgres://" + silent.Addr().String() + "/x", "XDG_CONFIG_HOME=" + t.TempDir()}, args...); took > 5*time.Second {
			t.Errorf("%s: %v", line, took)
		}
	}
}
