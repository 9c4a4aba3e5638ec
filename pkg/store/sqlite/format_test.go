package sqlite

import (
	"database/sql"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/ledger-format.md has each table, column and index, and no others.
func TestTheDocumentedFormatMatchesTheSchema(t *testing.T) {
	dir := t.TempDir()
	makeVersion(t, dir, len(migrations))
	want, indexes := map[string][]string{}, []string{}
	withDatabase(t, dir, func(db *sql.DB) error {
		rows, err := db.Query("SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'")
		err = eachRow(rows, err, func(row scanner) error {
			var table, column string
			err := row.Scan(&table, &column)
			want[table] = append(want[table], column)
			return err
		})
		if err != nil {
			return err
		}
		rows, err = db.Query("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
		indexes, err = scanAll(rows, err, plain[string])
		return err
	})
	page, err := os.ReadFile("../../../docs/ledger-format.md")
	must(t, err)
	got := map[string][]string{}
	name := regexp.MustCompile("`([a-z_]+)`")
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		heading, text, _ := strings.Cut(section, "\n")
		table := name.FindStringSubmatch(heading)
		if table == nil {
			continue
		}
		_, columns, _ := strings.Cut(text, "| column | meaning |\n|---|---|\n")
		columns, _, _ = strings.Cut(columns, "\n\n")
		for _, row := range strings.Split(strings.TrimSpace(columns), "\n") {
			for _, column := range name.FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
				got[table[1]] = append(got[table[1]], column[1])
			}
		}
	}
	for _, columns := range []map[string][]string{want, got} {
		for table := range columns {
			slices.Sort(columns[table])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, index := range indexes {
		if !strings.Contains(string(page), "`"+index+"`") {
			t.Errorf("the index %s is not on the page", index)
		}
	}
	if version := regexp.MustCompile("is the version of the schema, ([0-9]+);").FindStringSubmatch(string(page)); version == nil || version[1] != strconv.Itoa(len(migrations)) {
		t.Error("the version on the page is not the schema's")
	}
}
