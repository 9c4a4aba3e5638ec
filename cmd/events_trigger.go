package cmd

import "github.com/narada-cli/narada/pkg/trigger"

// reportTrigger words the events of sending samples.
func reportTrigger(inv *invocation) func(trigger.Event) {
	return func(event trigger.Event) {
		if e, ok := event.(trigger.NotRecorded); ok {
			inv.warnOfLedger(e.Err, "the outcome of this task is not recorded")
		}
	}
}
