package cmd

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/usage"
)

// Build is what the release build sets. Other builds leave it empty.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"date"`
}

// version returns the version of the release build or of the module, or "dev".
func (b Build) version() string {
	if b.Version != "" {
		return b.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

func (b Build) line() string {
	text := "narada " + b.version()
	if b.Commit != "" {
		text += " (" + strings.TrimSuffix(b.Commit+", "+b.Date, ", ") + ")"
	}
	return text
}

func newVersion(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  narada version
  narada version -o json --jq .version`,
		Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := inv.printer(cmd.Context(), out)
			if err != nil {
				return err
			}
			b := inv.app.Build
			b.Version = b.version()
			return p.Print(struct {
				Build
				Go   string `json:"go"`
				OS   string `json:"os"`
				Arch string `json:"arch"`
			}{b, runtime.Version(), runtime.GOOS, runtime.GOARCH}, b.line())
		},
	}
	out.add(cmd)
	return cmd
}
