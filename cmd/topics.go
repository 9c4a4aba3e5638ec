package cmd

import (
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
)

// Topics are commands that cannot be run. narada help NAME prints them.

func newExitCodesTopic(*invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `The exit codes are the same for every command.

` + exitCodeTable() + `
An interrupted command dies of the signal, which a shell sees as 130 (SIGINT) or
143 (SIGTERM). A dispatched task is still running then, and is named on stderr; a
task in a --new-session ends with its session. A second signal ends the command at
once; the same one within half a second counts as the first. listen without --count and
sandbox are servers: SIGINT and SIGTERM end them with 0.

status exits with 0 if the lookup worked. With --wait or --exit-status it exits
with the task's code, for several tasks with the first that applies of 3, 9, 4, 5.`,
	}
}

// exitCodeTable lists the codes, names and meanings in 80 columns.
func exitCodeTable() string {
	var b strings.Builder
	for _, e := range exitCodes() {
		b.WriteString(output.Wrap(fmt.Sprintf("  %2d  %-14s  ", e.code, e.name), e.meaning, 80) + "\n")
	}
	return b.String()
}

func newEnvironmentTopic(*invocation) *cobra.Command {
	var rows [][]string
	for _, key := range config.Keys() {
		help := key.Usage
		if key.Default != "" {
			help += " (default " + key.Default + ")"
		}
		rows = append(rows, []string{"  " + key.Env, key.Name, help})
	}
	return &cobra.Command{
		Use:   "environment",
		Short: "The environment variables that narada reads",
		Long: `Each setting has an environment variable. The second column has the setting's name
in narada config and in the user file.

` + output.Table(rows, math.MaxInt) + `

  NARADA_PROFILE                     the profile to use, as --profile
  NARADA_EXECUTION_TRACE_CONTEXT     the trace that tasks continue, as JSON
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY  proxies, for the API and for ngrok
  NO_COLOR                           no colour
  CLICOLOR_FORCE, FORCE_COLOR        colour without a terminal too
  CI                                 no spinner and no bar
  GITHUB_ACTIONS                     true: write errors and warnings as annotations
  GITHUB_STEP_SUMMARY                the file for the summary of the step
  XDG_CONFIG_HOME                    folder of narada/config.yaml (default ~/.config)
  SSL_CERT_FILE, SSL_CERT_DIR        certificate authorities, on Linux`,
	}
}
