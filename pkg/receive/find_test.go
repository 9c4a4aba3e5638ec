package receive

import "testing"

func TestAListenerIsFoundByItsNameOrAlone(t *testing.T) {
	dir := t.TempDir()
	find := func(name, want string) {
		t.Helper()
		list, err := Running(dir)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Find(list, name)
		got := l.Name
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("Find(%q): %s, want %s", name, got, want)
		}
	}
	find("", "no listener is running on this machine")
	find("a", "no listener is running on this machine")
	for _, name := range []string{"a", "b"} {
		r := register1(t, dir, name)
		defer r.Close()
		if err := r.Publish("https://"+name+".example.com", since); err != nil {
			t.Fatal(err)
		}
		if name == "a" {
			find("", "a")
		}
	}
	find("b", "b")
	find("c", `no listener "c" is running`)
	find("", "several listeners are running: a, b")
}
