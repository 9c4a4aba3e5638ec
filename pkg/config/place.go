package config

import (
	"os"
	"path/filepath"
	"runtime"
)

// UserFile returns the path of the user file: $XDG_CONFIG_HOME/narada/config.yaml,
// by default in ~/.config, on Windows in %AppData%. It is "" when none of these
// is known.
func UserFile(p Place) string { return p.own("XDG_CONFIG_HOME", "AppData", ".config", "config.yaml") }

// StateFolder returns the folder for what narada keeps, unless a setting names
// one: $XDG_STATE_HOME/narada, by default in ~/.local/state, on Windows in
// %LocalAppData%. It is "" when none of these is known.
func StateFolder(p Place) string { return p.own("XDG_STATE_HOME", "LocalAppData", ".local/state", "") }

// own is a file of ours in the folder that the first variable names, the second
// on Windows, or that is called so in the home folder.
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

// ProjectFileName is the name of the file that sets defaults for a project.
const ProjectFileName = ".narada.yaml"

// findProjectFile looks for a project file from the working directory up to the
// repository's root; outside a repository in the working directory alone.
func findProjectFile(dir string) string {
	nearest := ""
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, ProjectFileName)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && nearest == "" {
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
