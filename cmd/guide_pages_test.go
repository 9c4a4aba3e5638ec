package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guidePages are the guides by name: README.md and the pages of docs/ that are neither
// generated nor about narada's own code.
func guidePages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	paths, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, "../README.md") {
		name := filepath.Base(path)
		if slices.Contains([]string{"architecture.md", "glossary.md", "ledger-format.md"}, name) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return pages
}

// guideBlock is a block of code in a guide.
type guideBlock struct {
	line     int    // of the page
	fenced   bool   // else it is indented
	language string // of a fenced block, or ""
	text     string // without the indentation
}

// guideBlocks are the blocks of code of a page, in order.
func guideBlocks(page string) (blocks []guideBlock) {
	var block *guideBlock
	end := func() {
		if block != nil {
			blocks = append(blocks, *block)
		}
		block = nil
	}
	i := 0
	for line := range strings.Lines(page) {
		i++
		fence, isFence := strings.CutPrefix(line, "```")
		code, isCode := strings.CutPrefix(line, "    ")
		switch {
		case block != nil && block.fenced && !isFence:
			block.text += line
		case block != nil && block.fenced:
			end()
		case isFence:
			end()
			block = &guideBlock{line: i, fenced: true, language: strings.TrimSpace(fence)}
		case isCode && block == nil:
			block = &guideBlock{line: i, text: code}
		case isCode:
			block.text += code
		default:
			end()
		}
	}
	end()
	return blocks
}

// guideCommand is what a reader types at once.
type guideCommand struct {
	line int // of the page
	text string
}

// guideCommands are the commands of a block: one in each line, or in the lines of a
// construct of the shell. A block that starts a job in the background is one command, and
// so is the script of a CI step.
func guideCommands(t *testing.T, block guideBlock) (commands []guideCommand) {
	t.Helper()
	if _, script, found := strings.Cut(block.text, "\n  run: |\n"); found {
		return []guideCommand{{block.line, script}}
	}
	if strings.Contains(block.text, " &\n") {
		return []guideCommand{{block.line, block.text}}
	}
	text, first, i := "", block.line, block.line
	for line := range strings.Lines(block.text) {
		text += line
		i++
		if strings.HasSuffix(line, "\\\n") || exec.Command("bash", "-n", "-c", text).Run() != nil {
			continue
		}
		commands = append(commands, guideCommand{first, strings.TrimSuffix(text, "\n")})
		text, first = "", i
	}
	if text != "" {
		t.Fatalf("line %d: this is not a command of the shell:\n%s", first, text)
	}
	return commands
}
