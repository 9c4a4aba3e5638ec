package cmd

import (
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/term"
)

// newReporter makes a reporter of the global flags and settings as they are now.
func newReporter(inv *invocation) *term.Reporter {
	app, mode := inv.app, inv.color
	if inv.settings != nil {
		mode = inv.settings.Get(config.ColorMode).Text
	}
	o := term.ReporterOptions{Level: term.Normal, JSON: inv.logFormat == output.JSON, Mask: inv.masker.Mask, Terminal: app.StderrTerminal}
	switch {
	case inv.quiet:
		o.Level = term.Quiet
	case inv.verbose:
		o.Level = term.Verbose
	}
	o.Screen = &term.Screen{
		W: app.Stderr, Color: term.Color(term.ColorMode(mode), app.getenv, app.StderrTerminal), Width: app.stderrWidth,
		Spinner: app.StderrTerminal && !o.JSON && app.getenv("TERM") != "dumb",
	}
	return term.NewReporter(o)
}
