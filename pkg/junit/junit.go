// Package junit writes reports of tests in the JUnit XML format, as CI systems read it.
//
// The package is private to narada.
package junit

import (
	"bufio"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/units"
)

// The maximum lengths, in characters, of a name or a message, and of a text.
const (
	MaxName = 200
	maxText = 4_000
)

// Outcome is how a case ended.
type Outcome int

// The outcomes.
const (
	Passed  Outcome = iota
	Failed          // it ran, and what it gave is wrong
	Broken          // it did not run to its end, or that is not known: an error
	Skipped         // it did not run
)

// Case is a test case.
type Case struct {
	Name       string
	Time       time.Duration
	Outcome    Outcome
	Type       string // of the failure or error, in a word
	Message    string // why it has not passed, in a line
	Text       string // more of it, "" for nothing
	Properties []Property
}

// Property is a property of a case.
type Property struct{ Name, Value string }

// Suite is a report.
type Suite struct {
	Name  string // of the suite, and the class of its cases
	Start time.Time
	Cases []Case

	// Visible masks secrets in text and replaces control characters. All texts may be of others.
	Visible func(string) string
}

// The elements of the format, as far as they are used. The schema of Jenkins' xUnit plugin
// (junit-10.xsd) has them, but for the properties of a case, which many programs write.
type (
	suitesElement struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suite    suiteElement `xml:"testsuite"`
	}
	suiteElement struct {
		XMLName   xml.Name      `xml:"testsuite"`
		Name      string        `xml:"name,attr"`
		Tests     int           `xml:"tests,attr"`
		Failures  int           `xml:"failures,attr"`
		Errors    int           `xml:"errors,attr"`
		Skipped   int           `xml:"skipped,attr"`
		Time      string        `xml:"time,attr"`
		Timestamp string        `xml:"timestamp,attr"`
		Cases     []caseElement `xml:"testcase"`
	}
	caseElement struct {
		XMLName    xml.Name           `xml:"testcase"`
		Name       string             `xml:"name,attr"`
		Class      string             `xml:"classname,attr"`
		Time       string             `xml:"time,attr"`
		Properties *propertiesElement `xml:"properties"`
		Failure    *problemElement    `xml:"failure"`
		Error      *problemElement    `xml:"error"`
		Skipped    *problemElement    `xml:"skipped"`
	}
	propertiesElement struct {
		List []propertyElement `xml:"property"`
	}
	propertyElement struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	problemElement struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Write writes the report. Cases of one name get a number, since readers take them for one.
func (s *Suite) Write(w io.Writer) error {
	suite := suiteElement{Name: s.line(s.Name), Tests: len(s.Cases), Timestamp: s.Start.UTC().Format("2006-01-02T15:04:05")}
	var total time.Duration
	names := map[string]int{}
	for _, c := range s.Cases {
		e := caseElement{Name: s.line(c.Name), Class: suite.Name, Time: seconds(c.Time)}
		if names[e.Name]++; names[e.Name] > 1 {
			e.Name += " #" + strconv.Itoa(names[e.Name])
		}
		if len(c.Properties) > 0 {
			e.Properties = &propertiesElement{}
			for _, p := range c.Properties {
				e.Properties.List = append(e.Properties.List, propertyElement{p.Name, s.line(p.Value)})
			}
		}
		problem := &problemElement{Type: s.line(c.Type), Message: s.line(c.Message), Text: s.text(c.Text)}
		switch c.Outcome {
		case Failed:
			e.Failure = problem
			suite.Failures++
		case Broken:
			e.Error = problem
			suite.Errors++
		case Skipped:
			problem.Type, e.Skipped = "", problem
			suite.Skipped++
		}
		total += c.Time
		suite.Cases = append(suite.Cases, e)
	}
	suite.Time = seconds(total)
	b := bufio.NewWriter(w)
	_, _ = b.WriteString(xml.Header) // Flush returns the error
	enc := xml.NewEncoder(b)
	enc.Indent("", "  ")
	err := enc.Encode(suitesElement{Name: "narada", Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Time: suite.Time, Suite: suite})
	if err != nil {
		return err
	}
	_, _ = b.WriteString("\n")
	return b.Flush()
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// line returns a text in one line, shortened.
func (s *Suite) line(text string) string {
	text, _ = units.Shorten(strings.Join(strings.Fields(s.Visible(text)), " "), MaxName)
	return text
}

// text returns a text, shortened.
func (s *Suite) text(text string) string {
	text, more := units.Shorten(s.Visible(text), maxText)
	if more > 0 {
		text += "\nand " + units.Count(more, "character") + " more"
	}
	return text
}
