package cmd

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manPages are the pages for man: those of the commands in section 1, those of the topics in
// section 7. cobra's own lose underlines, tables and the names of values.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		pages[manName(c)+"."+manSection(c)] = manPage(c)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() && sub.Name() != "help" {
				walk(sub)
			}
		}
	}
	walk(testRoot())
	return pages
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func manSection(c *cobra.Command) string {
	if c.IsAdditionalHelpTopicCommand() {
		return "7"
	}
	return "1"
}

// manPage returns the page of a command in the language of troff, with the macros of man(7).
func manPage(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q %q \"\" \"narada\" \"narada\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(manName(c)), manSection(c), roff(manName(c)), roff(c.Short))
	if manSection(c) == "1" {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(c.UseLine()))
	}
	b.WriteString(".SH DESCRIPTION\n" + manText(c.Long))
	c.InitDefaultHelpFlag()
	if manSection(c) == "1" {
		manFlags(&b, "OPTIONS", c.LocalFlags())
		manFlags(&b, "GLOBAL OPTIONS", c.InheritedFlags())
	}
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n" + manBlock(c.Example))
	}
	if manSection(c) == "1" {
		b.WriteString(".SH EXIT STATUS\nSee \\fBnarada\\-exit\\-codes\\fP(7).\n")
	}
	b.WriteString(".SH SEE ALSO\n")
	var also []string
	for _, other := range append([]*cobra.Command{c.Parent()}, c.Commands()...) {
		if other != nil && (other == c.Parent() || other.IsAvailableCommand() || other.IsAdditionalHelpTopicCommand() && other.Name() != "help") {
			also = append(also, fmt.Sprintf("\\fB%s\\fP(%s)", roff(manName(other)), manSection(other)))
		}
	}
	b.WriteString(strings.Join(also, ",\n") + "\n")
	return b.String()
}

func manFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	b.WriteString(".SH " + title + "\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, help := pflag.UnquoteUsage(f)
		b.WriteString(".TP\n")
		if f.Shorthand != "" {
			b.WriteString("\\fB\\-" + roff(f.Shorthand) + "\\fP, ")
		}
		b.WriteString("\\fB\\-\\-" + roff(f.Name) + "\\fP")
		if value != "" {
			b.WriteString(" \\fI" + roff(value) + "\\fP")
		}
		b.WriteString("\n" + roff(help) + "\n")
	})
}

// manText returns a help text: paragraphs, and as they are the lines that are indented.
func manText(text string) string {
	var b strings.Builder
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for len(lines) > 0 {
		indented := strings.HasPrefix(lines[0], "  ")
		end := slices.IndexFunc(lines, func(line string) bool { return line == "" || strings.HasPrefix(line, "  ") != indented })
		if end < 0 {
			end = len(lines)
		}
		switch part := strings.Join(lines[:end], "\n"); {
		case end == 0: // an empty line
			end = 1
		case indented:
			b.WriteString(manBlock(part))
		default:
			b.WriteString(".PP\n" + roff(part) + "\n")
		}
		lines = lines[end:]
	}
	return b.String()
}

func manBlock(text string) string {
	return ".PP\n.nf\n" + roff(strings.Trim(text, "\n")) + "\n.fi\n"
}

// roff escapes text for troff.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`, "…", "...").Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// groff understands each page, and shows what the help says.
func TestManualPagesAreShown(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	paths, err := filepath.Glob("../docs/man/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d pages, %v", len(paths), err)
	}
	for _, path := range paths {
		out, err := exec.Command(groff, "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=200n", path).CombinedOutput()
		if err != nil || strings.Contains(string(out), "warning:") || strings.Contains(string(out), "error:") && strings.Contains(string(out), path) {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
		if filepath.Base(path) != "narada-check.1" {
			continue
		}
		for _, want := range []string{"begin with req_check_, and", "  certificate-dates    the certificate is valid for 14 more days\n", "-o, --output FORMAT\n", `--jq 'select(.verdict == "FAIL")'`, "narada(1)"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: no %q in\n%s", path, want, out)
			}
		}
	}
}
