package completing

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func system(goos string, env ...string) System {
	return System{GOOS: goos, Getenv: func(name string) string {
		for _, e := range env {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value
			}
		}
		return ""
	}}
}

func TestTheShellIsThatOfTheUser(t *testing.T) {
	for _, c := range []struct{ goos, shell, want string }{
		{"linux", "/usr/bin/bash", "bash"}, {"darwin", "/bin/zsh", "zsh"}, {"linux", "fish", "fish"}, {"linux", "/usr/bin/pwsh", "powershell"},
		{"windows", "", "powershell"}, {"windows", `C:\Git\bin\bash.exe`, "bash"}, {"linux", "", ""}, {"linux", "/bin/dash", ""},
	} {
		got, err := system(c.goos, "SHELL="+c.shell).ShellOf()
		if got != c.want || (c.want == "") != errors.Is(err, ErrNoShell) {
			t.Errorf("%s, %q: %q, %v", c.goos, c.shell, got, err)
		}
	}
}

func TestWhatIsLeftToDoIsSaid(t *testing.T) {
	home := t.TempDir()
	s := system("linux", "HOME="+home)
	there, missing := filepath.Join(home, "bash_completion"), filepath.Join(home, "missing")
	add := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := func(shell string) Installed {
		t.Helper()
		done, err := s.Install(shell, "script")
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	add("bash_completion", "")
	s.BashCompletion = []string{missing}
	first := install("bash")
	if !first.Changed || !strings.HasSuffix(first.Next, "\nsource '"+first.Path+"'") {
		t.Errorf("without bash-completion: %+v", first)
	}
	add(".bashrc", "source '"+first.Path+"'\n")
	if again := install("bash"); again.Changed || again.Next != "start a new bash" {
		t.Errorf("with the line in .bashrc: %+v", again)
	}
	add(".bashrc", "")
	if s.BashCompletion = []string{missing, there}; install("bash").Next != "start a new bash" {
		t.Error("with bash-completion there is more to do")
	}
	if zsh := install("zsh"); !strings.Contains(zsh.Next, "\nfpath=('"+filepath.Dir(zsh.Path)+"' $fpath)\n") {
		t.Errorf("%+v", zsh)
	}
	add(".zshrc", "fpath=("+home+"/.local/share/zsh/site-functions $fpath)\n")
	if zsh := install("zsh"); zsh.Changed || zsh.Next != "start a new zsh" {
		t.Errorf("with the folder in .zshrc: %+v", zsh)
	}
	if fish := install("fish"); fish.Path != filepath.Join(home, ".config", "fish", "completions", "narada.fish") || fish.Next != "" {
		t.Errorf("%+v", fish)
	}
	if _, err := system("linux").Install("fish", "script"); !errors.Is(err, ErrNoHome) {
		t.Errorf("without a home: %v", err)
	}
}
