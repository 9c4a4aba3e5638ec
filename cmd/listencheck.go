package cmd

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/usage"
)

// check reads the command after --, and checks the flags.
func (o *listenOptions) check(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	switch {
	case dash == 0 && len(args) == 0:
		return usage.Errorf("", "expected a command after --")
	case dash == 0:
		o.command = args
	case len(args) > 0:
		return usage.Errorf("put a command after --: narada listen -- "+output.ShellLine(args...), "narada listen takes no arguments, got %q", args[0])
	}
	for _, name := range []string{"output", "jq"} {
		if len(o.command) > 0 && cmd.Flags().Changed(name) {
			return usage.Errorf("", "--%s and a command cannot be used together", name)
		}
	}
	return cmp.Or(o.checkCount(cmd), o.checkHealth(cmd), usage.AtLeast("timeout", o.timeout, 0), usage.Between("max-body", o.maxBody, 1, maxMaxBody), o.forward.check(cmd))
}

// defaultDrain is longer than load balancers take to notice that a health check fails.
const defaultDrain = 10 * time.Second

// checkHealth checks --health-path and --drain.
func (o *listenOptions) checkHealth(cmd *cobra.Command) error {
	if o.healthPath == "" {
		return usage.AtLeast("drain", o.drain, 0)
	}
	if !cmd.Flags().Changed("drain") {
		o.drain = defaultDrain
	}
	if err := receive.CheckHealthPath(o.healthPath); err != nil {
		return usage.Errorf("use a path such as /health", "--health-path: %v", err)
	}
	return usage.AtLeast("drain", o.drain, 0)
}

// checkCount checks --count. Without the flag there is no limit.
func (o *listenOptions) checkCount(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("count") {
		return nil
	}
	return usage.AtLeast("count", o.count, 1)
}
