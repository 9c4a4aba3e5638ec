package cmd

import (
	"github.com/spf13/cobra"
)

func newBatch(inv *invocation) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "batch",
		Short: "Run many prompts, one answer each",
		Long: `batch runs the tasks of a file, several at once, and sends each only once. To resume
a batch that was stopped, run the same command again.`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBatchRun(inv), newBatchList(inv), newBatchShow(inv), newBatchResults(inv))
	return cmd
}
