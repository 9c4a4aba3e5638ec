package ci

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/narada-cli/narada/pkg/units"
)

// The maximum lengths, in characters, of a block and of a cell, and of a table, in rows.
const (
	maxBlock = 4_000
	maxCell  = 300
	maxRows  = 100
)

// markdown returns the summary as Markdown, between empty lines.
func (s *Summary) markdown(outcome, said string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s: %s\n\n", s.command, outcome)
	for _, t := range s.tables {
		s.table(&b, t)
	}
	if s.answer != "" {
		b.WriteString(s.block(s.answer) + "\n")
	}
	if said != "" {
		b.WriteString(s.block(said) + "\n")
	}
	return b.String()
}

func (s *Summary) table(b *strings.Builder, t table) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
	for _, row := range t.rows[:min(len(t.rows), maxRows)] {
		for _, text := range row {
			b.WriteString("| " + s.cell(text) + " ")
		}
		b.WriteString("|\n")
	}
	if more := len(t.rows) - maxRows; more > 0 {
		t.note = fmt.Sprintf("and %d more", more)
	}
	if t.note != "" {
		b.WriteString("\n" + t.note + "\n")
	}
	b.WriteString("\n")
}

// cell returns text for a cell of a table, in which nothing but the text is seen: no
// punctuation is left that Markdown, HTML or GitHub (links, names of users, emoji) may take
// for its own.
func (s *Summary) cell(text string) string {
	if text == "" {
		return ""
	}
	text, _ = units.Shorten(strings.Join(strings.Fields(s.visible(text)), " "), maxCell)
	var b strings.Builder
	for _, r := range text {
		if r >= utf8.RuneSelf || r == ' ' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return "<code>" + b.String() + "</code>"
}

// block returns text as a block of code. Its fence is longer than any in the text.
func (s *Summary) block(text string) string {
	text, more := units.Shorten(s.visible(text), maxBlock)
	longest, run := 2, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	block := fence + "\n" + strings.TrimSuffix(text, "\n") + "\n" + fence + "\n"
	if more > 0 {
		block += "\nand " + units.Count(more, "character") + " more\n"
	}
	return block
}
