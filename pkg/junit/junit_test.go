package junit

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	gojunit "github.com/joshdk/go-junit"

	"github.com/narada-cli/narada/pkg/term"
)

func visible(text string) string { return term.Visible(strings.ReplaceAll(text, "s3cret", "***")) }

func written(t testing.TB, cases ...Case) []byte {
	t.Helper()
	var b bytes.Buffer
	s := Suite{Name: "jobs", Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)), Cases: cases, Visible: visible}
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var everyOutcome = []Case{
	{Name: "first", Time: 1234 * time.Millisecond, Properties: []Property{{"request-id", "req_1"}, {"credits", "0.5"}}},
	{Name: "second", Time: time.Hour, Outcome: Failed, Type: "error", Message: "the portal says no", Text: "the portal\nsays no", Properties: []Property{{"request-id", "req_2"}}},
	{Name: "third", Outcome: Broken, Type: "refused", Message: "413: too long"},
	{Name: "fourth", Outcome: Skipped, Message: "not sent"},
}

func TestAReportHasEachCaseOnce(t *testing.T) {
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="narada" tests="4" failures="1" errors="1" time="3601.234">
  <testsuite name="jobs" tests="4" failures="1" errors="1" skipped="1" time="3601.234" timestamp="2026-01-02T02:04:05">
    <testcase name="first" classname="jobs" time="1.234">
      <properties>
        <property name="request-id" value="req_1"></property>
        <property name="credits" value="0.5"></property>
      </properties>
    </testcase>
    <testcase name="second" classname="jobs" time="3600.000">
      <properties>
        <property name="request-id" value="req_2"></property>
      </properties>
      <failure type="error" message="the portal says no">the portal&#xA;says no</failure>
    </testcase>
    <testcase name="third" classname="jobs" time="0.000">
      <error type="refused" message="413: too long"></error>
    </testcase>
    <testcase name="fourth" classname="jobs" time="0.000">
      <skipped message="not sent"></skipped>
    </testcase>
  </testsuite>
</testsuites>
`
	if diff := cmp.Diff(want, string(written(t, everyOutcome...))); diff != "" {
		t.Error(diff)
	}
}

// A reader of another program finds the same.
func TestAnotherReaderUnderstandsAReport(t *testing.T) {
	suites, err := gojunit.Ingest(written(t, everyOutcome...))
	if err != nil || len(suites) != 1 {
		t.Fatalf("%d suites, %v", len(suites), err)
	}
	s := suites[0]
	s.Aggregate()
	if got, want := s.Totals, (gojunit.Totals{Tests: 4, Passed: 1, Skipped: 1, Failed: 1, Error: 1, Duration: time.Hour + 1234*time.Millisecond}); got != want {
		t.Errorf("totals %+v, want %+v", got, want)
	}
	var got []string
	for _, c := range s.Tests {
		got = append(got, c.Classname+" "+c.Name+" "+string(c.Status)+" "+c.Message)
	}
	want := []string{"jobs first passed ", "jobs second failed the portal says no", "jobs third error 413: too long", "jobs fourth skipped not sent"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if id := s.Tests[0].Properties["classname"]; id != "jobs" {
		t.Errorf("attributes: %v", s.Tests[0].Properties)
	}
}

func TestCasesOfOneNameAreTold(t *testing.T) {
	report := string(written(t, Case{Name: "a  b"}, Case{Name: "a\nb"}, Case{Name: "a b"}))
	for _, name := range []string{`"a b"`, `"a b #2"`, `"a b #3"`} {
		if strings.Count(report, "name="+name) != 1 {
			t.Errorf("%s:\n%s", name, report)
		}
	}
}

func TestLongTextsAreShortened(t *testing.T) {
	long := strings.Repeat("ä", 5000)
	report := string(written(t, Case{Name: long, Outcome: Failed, Message: long, Text: long}))
	if !strings.Contains(report, `name="`+long[:2*MaxName]+`…"`) || !strings.Contains(report, ">"+long[:2*maxText]+"…&#xA;and 1000 characters more<") {
		t.Error(report)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	one := Case{Name: "s3cret", Outcome: Failed, Type: "s3cret", Message: "s3cret", Text: "s3cret", Properties: []Property{{"credits", "s3cret"}}}
	if report := string(written(t, one)); strings.Contains(report, "s3cret") || strings.Count(report, "***") != 5 {
		t.Error(report)
	}
}

// The common schema knows every element and attribute. It lets a test case have no properties,
// which many programs write, and many read: they are taken out.
func TestAReportIsValid(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("NARADA_TEST_XMLLINT") == "required" {
			t.Fatal(err)
		}
		t.Skip("xmllint is not installed")
	}
	for name, cases := range map[string][]Case{"none": nil, "every outcome": everyOutcome, "hostile": {{Name: hostile, Outcome: Failed, Type: hostile, Message: hostile, Text: hostile}}} {
		report := written(t, cases...)
		for {
			before, rest, some := bytes.Cut(report, []byte("<properties>"))
			if !some {
				break
			}
			_, after, _ := bytes.Cut(rest, []byte("</properties>"))
			report = append(bytes.Clone(before), after...)
		}
		path := filepath.Join(t.TempDir(), "report.xml")
		if err := os.WriteFile(path, report, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(xmllint, "--noout", "--schema", "testdata/junit-10.xsd", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

const hostile = "<b>&amp;]]>\"' \x00\x1b[31m\xff\u202e\ufffe <!-- --> </failure></testcase>\r\n"

// Whatever a text is, the report is XML with one case, whose text is that, made visible.
func FuzzReport(f *testing.F) {
	f.Add(hostile)
	f.Add("]]>")
	f.Add("\u2028\ufdd0\U0010ffff")
	f.Fuzz(func(t *testing.T, text string) {
		report := written(t, Case{Name: text, Outcome: Failed, Type: text, Message: text, Text: text, Properties: []Property{{"request-id", text}}})
		if !utf8.Valid(report) {
			t.Error("not UTF-8")
		}
		var read suitesElement
		if err := xml.Unmarshal(report, &read); err != nil {
			t.Fatalf("%v in\n%s", err, report)
		}
		if len(read.Suite.Cases) != 1 || read.Suite.Failures != 1 {
			t.Fatalf("%+v", read)
		}
		want := visible(text)
		if utf8.RuneCountInString(want) > maxText {
			return
		}
		// What XML cannot hold is replaced.
		want = strings.Map(func(r rune) rune {
			if r == 0xfffe || r == 0xffff {
				return '\ufffd'
			}
			return r
		}, want)
		if got := read.Suite.Cases[0].Failure.Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestAReportReplacesAFileAsAWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.xml")
	for range 2 {
		s := Suite{Name: "jobs", Cases: everyOutcome, Visible: visible}
		if err := s.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(content, []byte("</testsuites>\n")) {
			t.Errorf("%v: %s", err, content)
		}
	}
	for path, want := range map[string]string{dir: "it is a folder", filepath.Join(dir, "none", "x"): "no such file", filepath.Join(path, "x"): "its folder is not one", os.DevNull: "it is not a regular file"} {
		s := Suite{Visible: visible}
		if err := s.WriteFile(path); err == nil || !strings.Contains(err.Error(), want) && want != "no such file" && want != "its folder is not one" {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}
