// Package help prints the help of commands: wrapped to the width of the terminal, and with
// the flags of a command that has many of them under headings.
//
// The package is private to narada.
package help

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/output"
)

// Group is a heading with the names of the flags below it.
type Group struct {
	Heading string
	Flags   []string
}

// many is from how many flags on a command has them under headings.
const many = 16

// minWidth is how narrow a terminal is at least.
const minWidth = 40

// Printer prints help.
type Printer struct {
	Width  func() int // columns of the terminal; 0: text is not wrapped
	Groups []Group
}

// Install makes root and the commands below it print their help.
func (p *Printer) Install(root *cobra.Command) {
	root.SetUsageFunc(func(c *cobra.Command) error { return p.usage(c.OutOrStderr(), c) })
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		w := c.OutOrStdout()
		if about := strings.TrimSpace(c.Long); about != "" {
			_, _ = fmt.Fprintln(w, p.wrap(about))
		} else {
			_, _ = fmt.Fprintln(w, p.wrap(c.Short))
		}
		if c.Runnable() || c.HasSubCommands() {
			_, _ = fmt.Fprintln(w)
			_ = p.usage(w, c)
		}
	})
}

// usage prints what follows the description of a command.
func (p *Printer) usage(w io.Writer, c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:")
	if c.Runnable() {
		b.WriteString("\n  " + c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n  " + c.CommandPath() + " [command]")
	}
	b.WriteString("\n")
	if c.HasExample() {
		b.WriteString("\nExamples:\n" + c.Example + "\n")
	}
	p.commands(&b, "Available Commands", c, func(sub *cobra.Command) bool { return sub.IsAvailableCommand() || sub.Name() == "help" })
	p.commands(&b, "Additional help topics", c, (*cobra.Command).IsAdditionalHelpTopicCommand)
	p.flags(&b, c)
	if c.HasAvailableSubCommands() {
		b.WriteString("\n" + p.wrap(fmt.Sprintf("Use \"%s [command] --help\" for more information about a command.", c.CommandPath())) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// commands prints those below c that are listed.
func (p *Printer) commands(b *strings.Builder, heading string, c *cobra.Command, listed func(*cobra.Command) bool) {
	list := slices.DeleteFunc(slices.Clone(c.Commands()), func(sub *cobra.Command) bool { return !listed(sub) })
	if len(list) == 0 {
		return
	}
	b.WriteString("\n" + heading + ":\n")
	for _, sub := range list {
		b.WriteString(p.row(fmt.Sprintf("  %-*s ", sub.NamePadding(), sub.Name()), sub.Short) + "\n")
	}
}

// flags prints the flags of a command under headings, and the global ones.
func (p *Printer) flags(b *strings.Builder, c *cobra.Command) {
	rest := p.usages(c.LocalFlags().FlagUsagesWrapped(p.Width()))
	if len(rest) >= many {
		for _, g := range p.Groups {
			var some []string
			for _, name := range g.Flags {
				if i := slices.IndexFunc(rest, func(u flagUsage) bool { return u.name == name }); i >= 0 {
					some = append(some, rest[i].text)
					rest = slices.Delete(rest, i, i+1)
				}
			}
			section(b, g.Heading, some)
		}
	}
	var others []string
	for _, u := range rest {
		others = append(others, u.text)
	}
	section(b, "Flags", others)
	section(b, "Global Flags", strings.SplitAfter(c.InheritedFlags().FlagUsagesWrapped(p.Width()), "\n"))
}

func section(b *strings.Builder, heading string, texts []string) {
	if text := strings.TrimRight(strings.Join(texts, ""), "\n"); text != "" {
		b.WriteString("\n" + heading + ":\n" + text + "\n")
	}
}

// flagUsage is the text of a flag, of one line or several.
type flagUsage struct{ name, text string }

var flagLine = regexp.MustCompile(`^ {2,6}(?:-\w, )?--([\w-]+)`)

// usages returns the texts of the flags.
func (p *Printer) usages(text string) (list []flagUsage) {
	for line := range strings.Lines(text) {
		if m := flagLine.FindStringSubmatch(line); m != nil {
			list = append(list, flagUsage{name: m[1]})
		}
		if len(list) > 0 {
			list[len(list)-1].text += line
		}
	}
	return list
}

// columns matches a line with two columns.
var columns = regexp.MustCompile(`^( +.*\S {2,})(\S.*)$`)

// wrap wraps the paragraphs of a text, and the last column of its tables, unless they fit.
func (p *Printer) wrap(text string) string {
	width := p.Width()
	if width == 0 {
		return text
	}
	var out []string
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			whole := strings.Join(paragraph, "\n")
			if slices.ContainsFunc(paragraph, func(line string) bool { return len(line) > width }) {
				whole = output.Wrap("", whole, max(width, minWidth))
			}
			out, paragraph = append(out, whole), nil
		}
	}
	for _, line := range joined(strings.Split(text, "\n")) {
		switch m := columns.FindStringSubmatch(line); {
		case line != "" && !strings.HasPrefix(line, " "):
			paragraph = append(paragraph, line)
			continue
		case len(line) > width && m != nil:
			line = p.row(m[1], m[2])
		}
		flush()
		out = append(out, line)
	}
	flush()
	return strings.Join(out, "\n")
}

// joined joins the rows of tables with the lines that continue them.
func joined(lines []string) (list []string) {
	head := 0 // the length of that of the last row
	for _, line := range lines {
		text := strings.TrimLeft(line, " ")
		if indent := len(line) - len(text); text != "" && head > 0 && indent == head {
			list[len(list)-1] += " " + text
			continue
		}
		head = 0
		if m := columns.FindStringSubmatch(line); m != nil {
			head = len(m[1])
		}
		list = append(list, line)
	}
	return list
}

// row returns a row of two columns, the second wrapped.
func (p *Printer) row(head, text string) string {
	width := p.Width()
	if width == 0 {
		return head + text
	}
	return output.Wrap(head, text, max(width, len(head)+minWidth/2))
}
