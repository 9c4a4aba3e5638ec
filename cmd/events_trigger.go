package cmd

import "github.com/narada-cli/narada/pkg/trigger"

// reportTrigger words what happens while callbacks are sent.
func reportTrigger(inv *invocation) func(trigger.Event) {
	return func(event trigger.Event) {
		switch e := event.(type) {
		case trigger.NotRecorded:
			inv.warnOfLedger(e.Err, "how this task goes on is not kept")
		}
	}
}
