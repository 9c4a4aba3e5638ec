package transfer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

// downloads are files as the API lists them.
func downloads(names ...string) (list []narada.Download) {
	for _, name := range names {
		list = append(list, narada.Download{Name: name, Key: "k", Size: 7})
	}
	return list
}

// saveAll saves the files, and returns their paths and the new names.
func saveAll(t *testing.T, c *fakeClient, dir string, force bool, files []narada.Download) (paths, renamed []string, err error) {
	t.Helper()
	m, shown := &fakeMeter{}, 0
	s := Saving{Client: c, SessionID: "s1", Dir: dir, Force: force,
		Meter: func(string, int64) (Meter, func()) {
			shown++
			return m, func() { shown-- }
		},
		Renamed: func(name, path string) { renamed = append(renamed, name+" "+filepath.Base(path)) },
	}
	for saved, failure := range s.Save(t.Context(), files) {
		if failure != nil {
			err = failure
			break
		}
		if saved.Bytes != 7 || shown != 0 {
			t.Errorf("%s has %d bytes, %d meters are shown", saved.Path, saved.Bytes, shown)
		}
		paths = append(paths, filepath.Base(saved.Path))
	}
	return paths, renamed, err
}

func TestAllFilesAreSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	paths, renamed, err := saveAll(t, &fakeClient{}, dir, false, downloads("a.txt", "../a.txt"))
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a.txt", "a (2).txt"}, paths); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"../a.txt a (2).txt"}, renamed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a.txt": "content", "a (2).txt": "content"}, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestNoFileIsFetchedIfOneExists(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "b.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &fakeClient{}
	_, _, err := saveAll(t, c, dir, false, downloads("a.txt", "b.txt"))
	failure, ok := errors.AsType[*SaveError](err)
	if !ok || failure.Path != filepath.Join(dir, "b.txt") || !errors.Is(err, fs.ErrExist) || c.calls != 0 {
		t.Errorf("%v after %d calls", err, c.calls)
	}
	if paths, _, err := saveAll(t, c, dir, true, downloads("a.txt", "b.txt")); len(paths) != 2 || err != nil {
		t.Errorf("with force: %v, %v", paths, err)
	}
}

func TestAFailureEndsTheSaving(t *testing.T) {
	gone := &narada.StorageError{StatusCode: 404}
	c := &fakeClient{failures: []error{nil, gone}}
	paths, _, err := saveAll(t, c, t.TempDir(), false, downloads("a.txt", "b.txt", "c.txt"))
	if len(paths) != 1 || !errors.Is(err, gone) || c.calls != 2 {
		t.Errorf("%v, %v after %d calls", paths, err, c.calls)
	}
}

func TestAFileIsNoFolderToSaveIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := saveAll(t, &fakeClient{}, path, false, downloads("a.txt"))
	if _, ok := errors.AsType[*DirError](err); !ok {
		t.Errorf("%v", err)
	}
}

// busyLister fails once.
type busyLister struct{ calls int }

func (l *busyLister) Downloads(context.Context, string) ([]narada.Download, error) {
	if l.calls++; l.calls == 1 {
		return nil, &narada.APIError{StatusCode: 503}
	}
	return downloads("a.txt"), nil
}

func TestFilesAreListedAgainWhenTheAPIIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := 0
		list, err := List(t.Context(), &busyLister{}, "s1", func(error, time.Duration) { failed++ })
		if len(list) != 1 || err != nil || failed != 1 {
			t.Errorf("%v, %v, %d failed", list, err, failed)
		}
	})
}
