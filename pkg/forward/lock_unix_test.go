//go:build unix

package forward

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// What it leaves running does not delay the next one.
func TestTheLockEndsWithTheCommand(t *testing.T) {
	var stdout bytes.Buffer
	c := newCommand(t, "", &stdout, io.Discard)
	pid := c.Dir + "/pid"
	c.Words, c.Environ = []string{"sh", "-c", "sleep 60 >/dev/null 2>&1 <&- & echo $! >" + pid + "; echo ran"}, os.Environ()
	for range 2 {
		if r, err := c.Forward(t.Context(), t.Context(), nil, toCommand, nil); r.Failure != "" || err != nil {
			t.Errorf("%+v, %v", r, err)
		}
		number, err := os.ReadFile(pid)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			killer := *c
			killer.Words = []string{"kill", strings.TrimSpace(string(number))}
			if r, err := killer.Forward(context.Background(), context.Background(), nil, toCommand, nil); r.Failure != "" || err != nil {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	if stdout.String() != "ran\nran\n" {
		t.Errorf("got %q", stdout.String())
	}
}
