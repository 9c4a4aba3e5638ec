// Bare is a minimal program with narada's libraries: startup.sh compares its start with
// narada's.
package main

import (
	"fmt"
	"os"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.ngrok.com/ngrok/v2"
)

func main() {
	settings := viper.New()
	settings.SetDefault("name", "bare")
	root := &cobra.Command{
		Use:     settings.GetString("name"),
		Short:   "Print a version",
		Version: "0.0.0",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if connect, err := cmd.Flags().GetBool("connect"); err != nil || !connect {
				return err
			}
			// Never called: it is here to be linked.
			agent, err := ngrok.NewAgent()
			if err != nil {
				return err
			}
			return agent.Connect(cmd.Context())
		},
	}
	root.Flags().Bool("connect", false, "connect to ngrok")
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, color.RedString("error:"), err)
		os.Exit(1)
	}
}
