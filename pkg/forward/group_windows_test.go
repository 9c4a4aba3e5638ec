package forward

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
)

// The next listener runs the command again: it must not run beside this one.
func TestACommandAndItsProcessesEndWithThisProcess(t *testing.T) {
	c := newCommand(t, "nest", io.Discard, io.Discard)
	begun := nested(t, c)
	if os.Getenv("LISTENER") != "" {
		c.Environ = append(os.Environ(), asCommand+"=nest")
		_, _ = c.Forward(context.Background(), context.Background(), nil, toCommand, nil)
		return
	}
	listener := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	listener.Env = append(os.Environ(), append(c.Environ[len(c.Environ)-1:], "LISTENER=yes", "TMP="+t.TempDir())...)
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	ended := begun()
	if err := listener.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = listener.Wait() // it was killed
	ended()
}

func TestWhatACommandLeavesRunningLivesOn(t *testing.T) {
	c := newCommand(t, "leave", io.Discard, io.Discard)
	begun := nested(t, c)
	if r, err := c.Forward(t.Context(), t.Context(), nil, toCommand, nil); r.Failure != "" || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	ended := begun()
	left, err := os.ReadFile(c.Dir + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("taskkill", "/F", "/PID", string(left)).Run(); err != nil {
		t.Errorf("it does not live: %v", err)
	}
	ended()
}
