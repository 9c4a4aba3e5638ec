package sqlite

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckFindsDamagedContent(t *testing.T) {
	l := open(t, t.TempDir())
	intend(t, l, ticket("a"), "count")
	deliver(t, l, ticket("a"), phase("req_1", ticket("a")))
	for _, statement := range []string{
		"UPDATE tasks SET request = '{', result = x'00'", "UPDATE deliveries SET body = '', header = 'no colon'",
		"UPDATE events SET detail = '{'",
	} {
		if _, err := l.maintenance.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"the request of task #1 is not JSON", "the answer of task #1 is not JSON",
		"a callback of req_1: its header cannot be read", "an event of task #1 is not JSON",
	}
	damages, err := l.Check(ctx)
	if diff := cmp.Diff(want, damages); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestCheckFindsADamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(ctx, dir, Options{})
	must(t, err)
	intend(t, l, ticket("a"), "count")
	var root int64
	must(t, l.read.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'tasks_dispatched_at'").Scan(&root))
	must(t, l.Close())
	f, err := os.OpenFile(Path(dir), os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{0x0a, 0, 0, 0, 0}, (root-1)*pageSize) // the page of the index says that it is empty
	must(t, err)
	must(t, f.Close())
	damages, err := open(t, dir).Check(ctx)
	if len(damages) == 0 || err != nil {
		t.Errorf("got %q, %v", damages, err)
	}
}
