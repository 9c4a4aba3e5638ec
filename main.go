// Narada runs tasks on Narada Cloud's web agents from a terminal, a shell script or a CI
// step, and prints the answers.
package main

import (
	"os"

	"github.com/narada-cli/narada/cmd"
)

// Set by the release build.
var (
	version = ""
	commit  = ""
	date    = ""
)

func main() {
	os.Exit(cmd.Main(cmd.Build{Version: version, Commit: commit, Date: date}))
}
