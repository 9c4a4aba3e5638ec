// Narada hands work to Narada Cloud's web agents from a terminal, a shell script
// or a CI step, and brings the answer back.
package main

import (
	"os"

	"github.com/narada-cli/narada/cmd"
)

// Stamped in by the release build.
var (
	version = ""
	commit  = ""
	date    = ""
)

func main() {
	os.Exit(cmd.Main(cmd.Build{Version: version, Commit: commit, Date: date}))
}
