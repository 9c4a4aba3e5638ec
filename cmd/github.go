package cmd

import (
	"github.com/narada-cli/narada/pkg/ci"
	"github.com/narada-cli/narada/pkg/config"
)

// onGitHub reports whether stderr is for GitHub Actions: the log of a step.
func onGitHub(inv *invocation) bool {
	mode := inv.app.getenv("NARADA_CI")
	if inv.settings != nil {
		mode = inv.settings.Get(config.CI).Text
	}
	return mode != "off" && ci.OnGitHub(inv.app.getenv)
}

// startSummary begins the summary of the command, if it is in a step that can have one.
func startSummary(inv *invocation) {
	if onGitHub(inv) && ci.SummaryFile(inv.app.getenv) != "" {
		inv.summary = ci.New(inv.command, visible(inv))
	}
}
