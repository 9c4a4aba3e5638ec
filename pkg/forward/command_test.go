package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
)

// asCommand is the variable that makes the test binary the command of a test.
const asCommand = "FORWARD_TEST_COMMAND"

func TestMain(m *testing.M) {
	switch os.Getenv(asCommand) {
	case "":
		goleak.VerifyTestMain(m)
	case "show":
		_, _ = io.Copy(os.Stdout, os.Stdin)
		for _, name := range []string{"CALLBACK_REQUEST_ID", "CALLBACK_STATUS", "KEPT", "SECRET"} {
			fmt.Println(name, os.Getenv(name))
		}
		fmt.Fprintln(os.Stderr, slices.Index(os.Args, "an arg") > 0)
	case "fail":
		os.Exit(7)
	case "nest": // a command with a process of its own
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), asCommand+"=connect")
		_ = child.Run()
	case "leave": // a process
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), asCommand+"=connect")
		_ = child.Start()
		_ = os.WriteFile("pid", fmt.Append(nil, child.Process.Pid), 0o600)
	case "connect": // as long as it lives
		conn, _ := net.Dial("tcp", os.Getenv("ADDRESS"))
		_, _ = io.WriteString(conn, "x")
		time.Sleep(time.Hour)
	case "hang":
		fmt.Println("began")
		time.Sleep(time.Hour)
	}
	os.Exit(0)
}

func newCommand(t *testing.T, what string, stdout, stderr io.Writer) *Command {
	t.Helper()
	environ := []string{asCommand + "=" + what, "KEPT=yes", "SECRET=a-s3cret-b"}
	c := &Command{
		Words: []string{os.Args[0], "an arg"}, Line: "x", Dir: t.TempDir(), Stdout: stdout, Stderr: stderr, State: t.TempDir(),
		Environ: WithoutSecrets(environ, nil, []secret.String{secret.New("s3cret"), secret.New("")}),
	}
	if err := c.Find(); err != nil {
		t.Fatal(err)
	}
	return c
}

var toCommand = []byte(`{"requestId": "req_1", "secret":"s3cret", "status":"error","n":1.50}`)

func TestACommandGetsTheCallbackWithoutTheSecret(t *testing.T) {
	var stdout, stderr bytes.Buffer
	r, err := newCommand(t, "show", &stdout, &stderr).Forward(t.Context(), t.Context(), nil, toCommand, nil)
	if diff := cmp.Diff(Result{Attempts: 1}, r); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	want := `{"requestId": "req_1", "status":"error","n":1.50}` + "\nCALLBACK_REQUEST_ID req_1\nCALLBACK_STATUS error\nKEPT yes\nSECRET \n"
	if diff := cmp.Diff(want, stdout.String()); diff != "" || strings.TrimSpace(stderr.String()) != "true" {
		t.Errorf("stderr %s, stdout %s", stderr.String(), diff)
	}
}

func TestAFailedCommandIsNotRetried(t *testing.T) {
	r, err := newCommand(t, "fail", io.Discard, io.Discard).Forward(t.Context(), t.Context(), nil, toCommand, nil)
	if diff := cmp.Diff(Result{Attempts: 1, Failure: "exit status 7", Permanent: true}, r); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	// A signal to narada may have interrupted it too: it still waits.
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newCommand(t, "fail", io.Discard, io.Discard).Forward(t.Context(), stop, nil, toCommand, nil); !errors.Is(err, deliver.ErrStopped) {
		t.Errorf("after stop: %v", err)
	}
	if err := (&Command{Words: []string{"no-such-command-anywhere"}}).Find(); err == nil || strings.Contains(err.Error(), "anywhere") {
		t.Errorf("got %v", err)
	}
}

func TestACommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, err := newCommand(t, "hang", began, io.Discard).Forward(ctx, ctx, nil, toCommand, nil); !errors.Is(err, deliver.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// nested makes c a command with a process of its own. begun waits until that runs, and returns
// a function that waits until it has ended.
func nested(t *testing.T, c *Command) (begun func() (ended func())) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c.Environ = append(c.Environ, "ADDRESS="+l.Addr().String())
	return func() func() {
		if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Error(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.ReadFull(conn, make([]byte, 1))
		return func() {
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Error(err)
			}
			if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the process of the command lives")
			}
		}
	}
}

func TestTheProcessesOfACommandEndWithItsContext(t *testing.T) {
	c := newCommand(t, "nest", io.Discard, io.Discard)
	begun := nested(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := c.Forward(ctx, ctx, nil, toCommand, nil)
		result <- err
	}()
	ended := begun()
	cancel()
	if err := <-result; !errors.Is(err, deliver.ErrStopped) {
		t.Errorf("got %v", err)
	}
	ended()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestVariablesWithSecretsAreRemovedFromTheEnvironment(t *testing.T) {
	environ := []string{
		"A=1", "KEY=x", "COPY=--s3cret--", "EMPTY=", "NOTHING", "PATH=/bin:/abc", "HTTPS_PROXY=http://user:pass@proxy",
		"TOKEN=t0ken-of-hook", "AUTHORIZATION=Bearer t0ken-of-hook", "HALF=ken-of-hook", "SHORT_PART=hook", "SCHEME=Bearer",
		"ENCODED=czNjcmV0", "IN_JSON={\"a\":\"p\\\"ss/word\"}", "BASIC=bob:p4ssword", "PASSWORD=p4ssword", "USER=bob", "SHORT=abc", "SHORTER=a",
	}
	secrets := []secret.String{
		secret.New("s3cret"), {}, secret.New("Bearer t0ken-of-hook"), secret.New(`p"ss/word`), secret.New("Basic Ym9iOnA0c3N3b3Jk"), secret.New("abc"),
	}
	want := []string{
		"A=1", "EMPTY=", "NOTHING", "PATH=/bin:/abc", "HTTPS_PROXY=http://user:pass@proxy", "SHORT_PART=hook", "SCHEME=Bearer", "USER=bob", "SHORTER=a",
	}
	if diff := cmp.Diff(want, WithoutSecrets(environ, []string{"KEY"}, secrets)); diff != "" {
		t.Error(diff)
	}
}

// hurried is a Command with a short grace period.
type hurried struct{ *Command }

func (hurried) GracePeriod() time.Duration { return time.Millisecond }

// Its callback still waits, for the next listener.
func TestACommandThatHangsIsEndedAfterTheGracePeriod(t *testing.T) {
	m, e, began := &memoryStore{}, &events{}, make(chan struct{})
	m.add("me", "-- x", "a", "b")
	c := newCommand(t, "hang", writerFunc(func(p []byte) (int, error) { close(began); return len(p), nil }), io.Discard)
	f := start(t, Options{Store: m, Listener: "me", Targets: []Target{hurried{c}}, Report: e.report})
	<-began
	if notForwarded, waiting := f.Close(t.Context(), false); notForwarded != 0 || waiting != 2 {
		t.Errorf("%d were not forwarded, %d wait", notForwarded, waiting)
	}
	want := []string{"forward.Waiting{-- x 2}", "forward.Finishing{-- x}", "forward.Remaining{-- x 2 <nil>}"}
	if diff := cmp.Diff(want, e.list); diff != "" {
		t.Error(diff)
	}
}
