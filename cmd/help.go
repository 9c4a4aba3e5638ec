package cmd

import "github.com/narada-cli/narada/pkg/help"

// flagGroups are the headings for the flags of a command that has many of them.
func flagGroups() []help.Group {
	return []help.Group{
		{Heading: "Task", Flags: []string{"prompt-file", "task", "agent", "raw", "previous", "keep-chat", "reasoning", "time-zone", "context", "chat-history", "mcp", "credentials", "gif", "field"}},
		{Heading: "Input", Flags: []string{"name", "format", "delimiter", "prompt"}},
		{Heading: "Where it runs", Flags: []string{"window", "window-pool", "mode", "cloud-session", "new-session", "sandbox", "rules"}},
		{Heading: "Files and variables", Flags: []string{"attach", "var", "var-json", "var-file", "secret-var", "allow-env"}},
		{Heading: "Answer", Flags: []string{"schema", "no-validate", "assert", "max-body"}},
		{Heading: "Callback", Flags: []string{"via", "callback-url", "callback-secret", "callback-header", "ngrok-domain", "public-url", "addr", "tls-cert", "tls-key", "local", "health-path", "ready-file", "show-secret", "endpoint"}},
		{Heading: "Forwarding", Flags: []string{"forward-to", "forward-header", "forward-timeout", "forward-retries", "allow-http", "cacert", "insecure-skip-verify"}},
		{Heading: "Waiting", Flags: []string{"count", "timeout", "drain", "poll-interval"}},
		{Heading: "Pace and limits", Flags: []string{"concurrency", "rate", "max-failures", "max-credits", "fail-fast"}},
		{Heading: "Running again", Flags: []string{"retry-failed", "resend-unknown", "restart", "yes"}},
		{Heading: "Workers", Flags: []string{"share", "no-work", "lease"}},
		{Heading: "Output", Flags: []string{"output", "jq", "filter", "results", "ordered", "junit", "ui", "dry-run", "curl"}},
	}
}

// helpWidth returns the columns of the terminal to which help is wrapped, 0 for none.
func helpWidth(a *App) int {
	if !a.StdoutTerminal {
		return 0
	}
	return a.stdoutWidth()
}
