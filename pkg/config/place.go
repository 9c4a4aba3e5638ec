package config

import (
	"os"
	"path/filepath"
	"runtime"
)

// UserFile returns the path of the user file: $XDG_CONFIG_HOME/narada/config.yaml, by
// default in ~/.config, on Windows in %AppData%. It is "" if none of these is set.
func UserFile(p Place) string { return p.own("XDG_CONFIG_HOME", "AppData", ".config", "config.yaml") }

// StateFolder returns the default folder of the ledger: $XDG_STATE_HOME/narada, by default
// in ~/.local/state, on Windows in %LocalAppData%. It is "" if none of these is set.
func StateFolder(p Place) string { return p.own("XDG_STATE_HOME", "LocalAppData", ".local/state", "") }

// Home returns the variable that these folders depend on: HOME, but windows on Windows.
func Home(windows string) string {
	if runtime.GOOS == "windows" {
		return windows
	}
	return "HOME"
}

// own returns a path in the folder of an environment variable: variable, else windows on
// Windows, else home in the home folder.
func (p Place) own(variable, windows, home, file string) string {
	if p.GOOS == "" {
		p.GOOS = runtime.GOOS
	}
	dir, parent := p.Getenv(variable), p.Getenv("HOME")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(parent, filepath.FromSlash(home))
		if p.GOOS == "windows" {
			dir, parent = p.Getenv(windows), p.Getenv(windows)
		}
		if parent == "" {
			return ""
		}
	}
	return filepath.Join(dir, "narada", file)
}

// projectFileName is the name of a project file.
const projectFileName = ".narada.yaml"

// findProjectFile finds the nearest project file from the working directory up to the
// repository's root; outside of a repository only in the working directory.
func findProjectFile(dir string) string {
	nearest := ""
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, projectFileName)
		if _, err := os.Lstat(path); err == nil && nearest == "" {
			nearest = path
		}
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return nearest
		}
		if at == filepath.Dir(at) { // no repository
			break
		}
	}
	if filepath.Dir(nearest) == dir {
		return nearest
	}
	return ""
}
