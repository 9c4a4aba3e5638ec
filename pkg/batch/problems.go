package batch

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"
)

// Problem is what is wrong with one or more lines: an error or a warning.
type Problem struct {
	Text   string // of the first of the lines
	Varies bool   // the texts of the others differ from it, but only in names and numbers
	List   bool   // the lines are the items of a list
	First  []int  // the numbers of the first lines, at most maxFirst
	Count  int    // of all lines
}

// The limits of what is reported of an input.
const (
	maxFirst    = 3  // lines of a problem
	maxTexts    = 3  // texts of a kind; the others of the kind are one problem
	maxProblems = 99 // kinds; the others are one
)

// String is "line 3: TEXT", or "3,000 lines: TEXT: lines 2, 3, 4 and 2,997 more".
func (p Problem) String() string {
	what := "line"
	if p.List {
		what = "item"
	}
	if p.Count == 1 {
		return fmt.Sprintf("%s %d: %s", what, p.First[0], p.Text)
	}
	var numbers []string
	for _, n := range p.First {
		numbers = append(numbers, fmt.Sprint(n))
	}
	last := len(numbers) - 1
	list := strings.Join(numbers[:last], ", ") + " and " + numbers[last]
	if more := p.Count - len(p.First); more > 0 {
		list = strings.Join(numbers, ", ") + " and " + comma(more) + " more"
	}
	text := p.Text
	if p.Varies {
		text += " (or similar)"
	}
	return fmt.Sprintf("%s %ss: %s: %ss %s", comma(p.Count), what, text, what, list)
}

func comma(n int) string { return humanize.Comma(int64(n)) }

// problems groups what is wrong with the lines of an input by its cause.
type problems struct {
	list   []*Problem // in the order of their first lines
	byText map[string]*Problem
	byKind map[string]*kind
}

// kind is the problems whose texts differ only in names and numbers.
type kind struct {
	texts  int
	others *Problem // after maxTexts
}

// details matches what differs in the texts of a kind.
var details = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|\d+`) })

func (p *problems) add(number int, list bool, text string) {
	one := p.byText[text]
	if one == nil {
		one = p.find(text)
	}
	if one.Count++; len(one.First) < maxFirst {
		one.First = append(one.First, number)
	}
	one.List, one.Varies = list, one.Varies || one.Text != text
}

// find returns the problem of a new text.
func (p *problems) find(text string) *Problem {
	if p.byText == nil {
		p.byText, p.byKind = map[string]*Problem{}, map[string]*kind{}
	}
	name := details().ReplaceAllLiteralString(text, "#")
	k := p.byKind[name]
	if k == nil && len(p.byKind) >= maxProblems {
		name = ""
		k = p.byKind[name]
	}
	if k == nil {
		k = &kind{}
		p.byKind[name] = k
	}
	if k.others != nil {
		return k.others
	}
	one := &Problem{Text: text}
	p.list = append(p.list, one)
	if k.texts++; k.texts > maxTexts {
		k.others = one
	} else {
		p.byText[text] = one
	}
	return one
}
