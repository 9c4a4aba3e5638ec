package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/textfile"
)

// wide returns text as UTF-16LE with a byte order mark, as spreadsheets write it.
func wide(text string) string {
	b := []byte("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return string(b)
}

// crlf returns text with the line ends of Windows.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// Each file is read as the program shows it, or refused with the line.
func TestTablesOfOtherProgramsAreReadOrRefused(t *testing.T) {
	prompt, err := ParsePrompt(`{{$sep := "{"}}{{range $name, $value := .}}{{$sep}}{{printf "%q:%q" $name $value}}{{$sep = ","}}{{end}}}`)
	if err != nil {
		t.Fatal(err)
	}
	const western = "not UTF-8 text; it may be Windows-1252 or a similar encoding"
	for name, test := range map[string]struct {
		format Format
		text   string
		want   string // the rows
		wrong  string // the first error
	}{
		// RFC 4180, with LF and CRLF.
		"comma in quotes":      {CSV, "name,place,zip\nAda,\"Bonn, DE\",05311", `[{"name":"Ada","place":"Bonn, DE","zip":"05311"}]`, ""},
		"empty fields":         {CSV, "a,b\n1,\"\"\n2,3", `[{"a":"1","b":""},{"a":"2","b":"3"}]`, ""},
		"empty fields, CRLF":   {CSV, "a,b\r\n1,\"\"\r\n2,3", `[{"a":"1","b":""},{"a":"2","b":"3"}]`, ""},
		"escaped quotes":       {CSV, "a,b\n1,\"say \"\"ha\"\" now\"\n", `[{"a":"1","b":"say \"ha\" now"}]`, ""},
		"JSON in a field":      {CSV, "a,b\n1,\"{\"\"x\"\": [1.5, 2]}\"\n", `[{"a":"1","b":"{\"x\": [1.5, 2]}"}]`, ""},
		"line feeds in quotes": {CSV, "a,b\n\"one \ntwo\",2\n3,4\n", `[{"a":"one \ntwo","b":"2"},{"a":"3","b":"4"}]`, ""},
		"CRLF in quotes":       {CSV, "a,b\r\n\"one \r\ntwo\",2\r\n", `[{"a":"one \ntwo","b":"2"}]`, ""},
		"quotes and lines":     {CSV, "a,b\n1,\"ha\n\"\"ha\"\"\nha\"\n", `[{"a":"1","b":"ha\n\"ha\"\nha"}]`, ""},
		"simple":               {CSV, "a,b,c\n1,2,3\n", `[{"a":"1","b":"2","c":"3"}]`, ""},
		"simple, CRLF":         {CSV, "a,b,c\r\n1,2,3\r\n", `[{"a":"1","b":"2","c":"3"}]`, ""},
		"UTF-8":                {CSV, "a,b\n1,ʤ\n", `[{"a":"1","b":"ʤ"}]`, ""},
		"a bare quote":         {CSV, "a,b\n1,37\ufffd36'37.8\"N\n", "", `line 2: a quotation mark in a field that is not quoted: write "say ""hello"" twice"`},

		// Excel.
		"CSV UTF-8":            {CSV, "\ufeff" + crlf("id,city\n1,Zürich\n"), `[{"id":"1","city":"Zürich"}]`, ""},
		"CSV UTF-8, German":    {CSV, "\ufeff" + crlf("id;city\n1;\"Zürich; Kreis 4\"\n"), `[{"id":"1","city":"Zürich; Kreis 4"}]`, ""},
		"CSV, German":          {CSV, crlf("id;city\n1;Z\xfcrich\n"), "", "line 2, column 4: " + western},
		"CSV, Euro":            {CSV, crlf("id;price\n1;5 \x80\n"), "", "line 2, column 5: " + western},
		"Unicode Text":         {TSV, wide(crlf("id\tcity\n1\tZürich\n2\t\"a \"\"b\"\"\"\n")), `[{"id":"1","city":"Zürich"},{"id":"2","city":"a \"b\""}]`, ""},
		"Unicode Text as .csv": {CSV, wide(crlf("id\tcity, country\n1\tBonn\n2\tUlm, DE\n")), `[{"id":"1","city, country":"Bonn"},{"id":"2","city, country":"Ulm, DE"}]`, ""},
		"CSV (Macintosh)":      {CSV, "id;city\r1;Ulm\r2;\"a\nb\"\r", `[{"id":"1","city":"Ulm"},{"id":"2","city":"a\nb"}]`, ""},
		"CSV (Macintosh), ü":   {CSV, "id;city\r1;Ulm\r2;Z\x9frich\r", "", "line 3, column 4: not UTF-8 text; it may be Mac Roman"},
		"CSV (MS-DOS)":         {CSV, crlf("id,city\n1,Ulm\n") + "\x1a", `[{"id":"1","city":"Ulm"}]`, ""},
		"sep=":                 {CSV, crlf("sep=;\nid;city, old\n1;Ulm, DE\n"), `[{"id":"1","city, old":"Ulm, DE"}]`, ""},
		"sep= of tabs":         {CSV, "sep=\t\nid\tcity\n1\tUlm\n", `[{"id":"1","city":"Ulm"}]`, ""},
		"\"SEP=,\"":            {CSV, "\"SEP=,\"\nid,city\n1,Ulm\n", `[{"id":"1","city":"Ulm"}]`, ""},
		"sep= of another":      {CSV, "sep=:\nid:city\n", "", `line 1: "sep=:" is not sep= with one of , ; tab |`},
		"sep= and a wrong row": {CSV, "sep=;\nid;city\n1\n", "", "line 3: expected 2 fields as in the header, got 1"},
		"empty rows":           {CSV, crlf(";;\nid;city;\n;;\n1;Ulm;\n;;\n;;;;\n \n\n"), `[{"id":"1","city":"Ulm"}]`, ""},
		"empty rows above":     {CSV, ";;;;\nid;city\n1;Ulm\n", `[{"id":"1","city":"Ulm"}]`, ""},
		"empty columns":        {CSV, crlf("id,city,,\n1,Ulm,,\n2,Bonn, ,\n"), `[{"id":"1","city":"Ulm"},{"id":"2","city":"Bonn"}]`, ""},
		"a value outside":      {CSV, crlf("id,city,,\n1,Ulm,,x\n"), "", "line 2: column 4 has a value and no name"},
		"no name at first":     {CSV, ",city\n0,Ulm\n", `[{"":"0","city":"Ulm"}]`, ""},
		"lines in a cell":      {CSV, "id,city\r\n1,\"a\nb\"\r\n2,\"a\rb\"\r\n", `[{"id":"1","city":"a\nb"},{"id":"2","city":"a\nb"}]`, ""},
		"values as shown":      {CSV, crlf("zip;n;day;price\n01067;1,23E+11;28.11.2026;1.234,50\n"), `[{"zip":"01067","n":"1,23E+11","day":"28.11.2026","price":"1.234,50"}]`, ""},
		"a formula":            {CSV, crlf("id;link\n1;\"=HYPERLINK(\"\"https://example.com\"\";\"\"x\"\")\"\n"), `[{"id":"1","link":"=HYPERLINK(\"https://example.com\";\"x\")"}]`, ""},
		"CR CRLF":              {CSV, "id,city\r\r\n1,Ulm\r\r\n", `[{"id":"1","city":"Ulm"}]`, ""},

		// LibreOffice.
		"all fields quoted":   {CSV, "\"id\";\"city\"\n\"1\";\"Ulm; DE\"\n", `[{"id":"1","city":"Ulm; DE"}]`, ""},
		"quoted tab":          {CSV, "\"id\"\t\"city\"\n1\t\"Ulm\tDE\"\n", `[{"id":"1","city":"Ulm\tDE"}]`, ""},
		"pipes":               {CSV, "id|city\n1|Ulm, DE; x\n", `[{"id":"1","city":"Ulm, DE; x"}]`, ""},
		"text delimiter '":    {CSV, "id,city\n1,'Ulm, DE'\n", "", "line 2: expected 2 fields as in the header, got 3"},
		"UTF-16, no mark":     {CSV, wide("id,city\n1,Ulm\n")[2:], "", "line 1, column 2: not UTF-8 text: a NUL character; it may be UTF-16 without a byte order mark"},
		"a missing quote":     {CSV, "id,city\n1,\"Ulm\n2,\"Bonn\"\n", "", "line 2: a quotation mark is missing, or not doubled in a quoted field"},
		"spaces after commas": {CSV, "id, city\n1, \"Ulm\"\n", "", `line 2: a quotation mark in a field that is not quoted: write "say ""hello"" twice"`},
	} {
		lines, wrong := read(t, Input{Format: test.format, Prompt: prompt}, test.text)
		var got []map[string]string
		for _, l := range lines {
			row := map[string]string{}
			if err := json.Unmarshal([]byte(l.Prompt), &row); err != nil {
				t.Errorf("%s: %s: %v", name, l.Prompt, err)
			}
			got = append(got, row)
		}
		var want []map[string]string
		if test.wrong == "" {
			if err := json.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(want, got); diff != "" || wrong != nil {
				t.Errorf("%s: %s %q", name, diff, wrong)
			}
		} else if len(wrong) == 0 || wrong[0] != test.wrong {
			t.Errorf("%s: got %q, %v", name, wrong, got)
		}
	}
}

func TestTheDelimiterIsRecognizedOrRefused(t *testing.T) {
	many := strings.Repeat("1,5;Find a hotel\n", sniffed/8)
	for text, want := range map[string]string{
		"id,prompt\n1,a\n":                        ",",
		"id;prompt\n1;a, b\n":                     ";",
		"id\tprompt\n1\ta, b\n":                   "tab",
		"id|prompt\n1|a, b\n":                     "|",
		"prompt\nFind a, b; c\n":                  ",", // whose rows do not fit
		"":                                        ",",
		"\n\n":                                    ",",
		"\"city; town\",prompt\n\"a;b\",c\n":      ",",
		"\"city, town\";prompt\n\"a,b\";c\n":      ";",
		"city, town;prompt\nUlm;Find a hotel\n":   ";",
		"city, town;prompt\n1,5;Find\n2;b\n":      ";",
		"city, town;prompt\n1,5;Find\n;;;;;\n2;b": ";",
		"city, town;prompt\n\"1,5\";Find a hotel": ";",
		"city, town;prompt\n1,5;Find a hotel\n":   ", or ;", // both fit
		"city, town;prompt\n" + many:              ", or ;",
		"city, town;prompt\n":                     ", or ;",
		"the city, town;prompt\n" + strings.Repeat("Ulm in Germany;x\n", sniffed/17): ";", // the last row is cut off
		"\n\na,b|c;d\n1,2|3;4\n":                   ", or ; or |",
		"a,b;c\n1\n2\n":                            ", or ;", // none fits
		"city, town;prompt\n" + many + "x;y\n1;2;": ", or ;",
	} {
		d, err := (Input{Format: CSV}).recognize([]byte(text)[:min(len(text), sniffed)])
		got := d.String()
		if uncertain, ok := errors.AsType[*DelimiterError](err); ok {
			_, got, _ = strings.Cut(err.Error(), "fields: ")
			if hint := uncertain.Hint(); !strings.HasPrefix(hint, "add --delimiter ") || strings.Count(hint, "--delimiter") != len(uncertain.Split) {
				t.Errorf("%.40q: hint %q", text, hint)
			}
		}
		if got != want {
			t.Errorf("%.40q: got %s, %v; want %s", text, got, err, want)
		}
	}
	if d, err := (Input{Format: TSV}).recognize([]byte("prompt\na, b\n")); d != Tab || err != nil {
		t.Errorf("TSV: got %s, %v", d, err)
	}
	_, wrong := read(t, Input{Format: CSV}, "\n\na,b;prompt\n1,2;x\n")
	if diff := cmp.Diff([]string{"line 3: cannot tell which character separates the fields: , or ;"}, wrong); diff != "" {
		t.Error(diff)
	}
}

func TestTheFlagDecidesOnTheDelimiter(t *testing.T) {
	if d, err := ParseDelimiter(""); d != 0 || err != nil {
		t.Errorf("none: got %s, %v", d, err)
	}
	for name, want := range map[string]string{",": "1", ";": "1,5", "tab": "", "|": ""} {
		d, err := ParseDelimiter(name)
		if err != nil {
			t.Fatal(err)
		}
		prompt, err := ParsePrompt("{{.a}}")
		if err != nil {
			t.Fatal(err)
		}
		lines, wrong := read(t, Input{CSV, prompt, d}, "a;b,c\n1,5;x\n")
		if name == "," { // the header is another one
			lines, wrong = read(t, Input{CSV, prompt, d}, "sep=;\na,b;c\n1,5;x\n")
		}
		if want == "" {
			if len(lines) > 0 || len(wrong) != 1 {
				t.Errorf("%s: got %v, %q", name, lines, wrong)
			}
		} else if len(lines) != 1 || lines[0].Prompt != want || wrong != nil {
			t.Errorf("%s: got %v, %q", name, lines, wrong)
		}
	}
	for _, name := range []string{" ", ":", "\t", ",,", "Tab", "comma"} {
		if d, err := ParseDelimiter(name); err == nil {
			t.Errorf("%q: got %s", name, d)
		}
	}
}

// However it is written, a table is read as a stream.
func TestATableIsNotReadAsAWhole(t *testing.T) {
	row := "1,\"Find a hotel\r\nin Zürich\"\r"
	for name, text := range map[string]string{"UTF-8": row, "UTF-16": wide(row)[2:]} {
		head := "id,prompt\r"
		if name == "UTF-16" {
			head = wide(head)
		}
		endless := &repeating{text: head, then: text}
		n := 0
		for _, err := range (Input{Format: CSV, Prompt: promptColumn()}).Lines(endless) {
			if line, ok := errors.AsType[*LineError](err); ok && strings.HasPrefix(line.Err.Error(), "duplicate id") {
				err = nil
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if n++; n == 10_000 {
				break
			}
		}
		if read := endless.read; read > 10_000*len(text)+512<<10 {
			t.Errorf("%s: %d bytes were read for %d rows", name, read, n)
		}
	}
}

// repeating reads a text, and another again and again.
type repeating struct {
	text, then string
	read       int
}

func (r *repeating) Read(p []byte) (int, error) {
	if r.text == "" {
		r.text = r.then
	}
	n := copy(p, r.text)
	r.text = r.text[n:]
	r.read += n
	return n, nil
}

// An error of the encoding has no content, and the input's error leads to it.
func TestAnInputThatIsNoTextIsRefused(t *testing.T) {
	for _, format := range Formats {
		var last error
		n := 0
		for _, err := range (Input{Format: format}).Lines(strings.NewReader("[\"hunter2\",\n\"hunter2\xff\"]\n")) {
			if last = err; err != nil {
				n++
			}
		}
		e, ok := errors.AsType[*textfile.EncodingError](last)
		if !ok || n != 1 || e.Line != 2 || e.Column != 9 || strings.Contains(fmt.Sprint(last), "hunter2") {
			t.Errorf("%s: got %v of %d", format, last, n)
		}
	}
}
