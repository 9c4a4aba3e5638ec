package sqlite

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
)

// folderState describes the files of a folder: names, sizes and times.
func folderState(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(i.Name(), i.Size(), i.ModTime(), i.Mode()))
	}
	return list
}

func TestAReaderChangesNothing(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.PutBatch(t.Context(), store.Batch{Name: "companies"}); err != nil {
		t.Fatal(err)
	}
	read := func() {
		t.Helper()
		before := folderState(t, dir)
		r, err := OpenReader(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.BatchList(t.Context())
		if err != nil || len(list) != 1 || list[0].Name != "companies" {
			t.Errorf("%v, %v", list, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(before, folderState(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
	read() // what is in the log only
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	read()
}

func TestAReaderCreatesNoLedger(t *testing.T) {
	dir := t.TempDir()
	if r, err := OpenReader(t.Context(), dir); err == nil {
		t.Errorf("opened %v", r)
	}
	if state := folderState(t, dir); len(state) > 0 {
		t.Error(state)
	}
}
