package completing

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/atomicfile"
)

// System is where Install installs.
type System struct {
	Getenv func(string) string
	GOOS   string

	// The files of the package bash-completion, one of which is there if it is; nil: those of
	// common systems.
	BashCompletion []string
}

// Installed is what Install did.
type Installed struct {
	Path    string // of the script
	Changed bool   // false: it was there already
	Next    string // what is left to do, in one line or more; "": nothing
}

// The failures of ShellOf and Install.
var (
	ErrNoShell = errors.New("the shell is not known")
	ErrNoHome  = errors.New("there is no home folder")
)

// ShellOf returns the shell of the user, one of Shells, or ErrNoShell.
func (s System) ShellOf() (string, error) {
	path := strings.ReplaceAll(s.Getenv("SHELL"), `\`, "/")
	name := strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], ".exe")
	if name == "pwsh" || name == "" && s.GOOS == "windows" {
		name = "powershell"
	}
	if !slices.Contains(Shells, name) {
		return "", ErrNoShell
	}
	return name, nil
}

// Install writes the script for the shell to the user's folder for it. It changes no file
// that a shell reads at its start: Next says what to add there.
func (s System) Install(shell, script string) (done Installed, err error) {
	if done.Path = s.path(shell); !filepath.IsAbs(done.Path) {
		return done, ErrNoHome
	}
	before, err := os.ReadFile(done.Path)
	if done.Changed = err != nil || string(before) != script; done.Changed {
		if err := os.MkdirAll(filepath.Dir(done.Path), 0o755); err != nil {
			return done, err
		}
		if err := atomicfile.Write(done.Path, []byte(script)); err != nil {
			return done, err
		}
	}
	done.Next = s.next(shell, done.Path)
	return done, nil
}

// folder returns that of a variable of the XDG base directories, or the one in the home.
func (s System) folder(variable string, inHome ...string) string {
	if dir := s.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	home := s.Getenv("HOME")
	if home == "" && s.GOOS == "windows" {
		home = s.Getenv("USERPROFILE")
	}
	return filepath.Join(append([]string{home}, inHome...)...)
}

func (s System) path(shell string) string {
	data := s.folder("XDG_DATA_HOME", ".local", "share")
	switch shell {
	case "bash":
		return filepath.Join(data, "bash-completion", "completions", "narada")
	case "zsh":
		return filepath.Join(data, "zsh", "site-functions", "_narada")
	case "fish":
		return filepath.Join(s.folder("XDG_CONFIG_HOME", ".config"), "fish", "completions", "narada.fish")
	}
	return filepath.Join(data, "narada", "completion.ps1")
}

// next says what is left to do.
func (s System) next(shell, path string) string {
	switch home := s.folder(""); shell {
	case "bash":
		if s.hasBashCompletion() || contains(filepath.Join(home, ".bashrc"), path) {
			return "start a new bash"
		}
		return "bash reads it by itself only with the package bash-completion, which was not found: install that, or add this line to ~/.bashrc:\nsource " + quoted(path)
	case "zsh":
		dir := filepath.Dir(path)
		if contains(filepath.Join(s.folder("ZDOTDIR"), ".zshrc"), dir) {
			return "start a new zsh"
		}
		return "add these lines to ~/.zshrc, the first one above compinit if that is there already:\nfpath=(" + quoted(dir) + " $fpath)\nautoload -Uz compinit && compinit"
	case "fish":
		return "" // it looks there at each completion
	}
	return "add this line to the file that $PROFILE names:\n. '" + strings.ReplaceAll(path, "'", "''") + "'"
}

// quoted is the path as a word of bash and zsh.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

func contains(file, text string) bool {
	b, err := os.ReadFile(file)
	return err == nil && strings.Contains(string(b), text)
}

func (s System) hasBashCompletion() bool {
	files := s.BashCompletion
	if files == nil {
		files = []string{"/usr/share/bash-completion/bash_completion", "/usr/local/share/bash-completion/bash_completion",
			"/opt/homebrew/share/bash-completion/bash_completion", "/etc/bash_completion"}
	}
	return slices.ContainsFunc(files, func(file string) bool {
		_, err := os.Stat(file)
		return err == nil
	})
}
