package cmd

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// atEnd ends what scripts have started for all of them.
var atEnd = func() error { return nil }

// allTests are the tests, with their end.
type allTests struct{ *testing.M }

// Run implements testscript.TestingM. The programs do not inherit where the tests run. Most tests wait most of the time: twice as many as
// usual run at once, unless the race detector needs the processors.
func (m allTests) Run() int {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue && !raceDetector {
		if err := f.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); name == "CI" || strings.HasPrefix(name, "GITHUB_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	code := m.M.Run()
	if err := atEnd(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(allTests{m}, map[string]func(){
		"narada": func() {
			os.Exit(Main(Build{Version: "1.2.3", Commit: "abc1234", Date: "2026-01-02T03:04:05Z"}))
		},
	})
}

// TestScripts runs the scripts in testdata/script: what is typed, and what is printed.
// Besides testscript's own commands they have:
//
//	exits CODE PROGRAM ARG...             the program exits with CODE, 128+N if signal N ended it
//	terminal CODE PROGRAM ARG...          the same on a terminal, whose content is stdout
//	                                      COLUMNS is its width, 80,40 a width and another once a status line shows
//	presses CODE PROGRAM ARG...           the same, and Ctrl-C is pressed once a status line shows
//	types KEYS CODE PROGRAM ARG...        the same, and KEYS are typed at its prompt, those after a | at the next
//	signal NAME CODE RE PROGRAM ARG...    the same, with the signal once its stderr matches RE
//	group CODE RE PROGRAM ARG...          the same with SIGINT to the whole process group, as Ctrl-C
//	cloud [RULES]                         starts a sandbox and points the settings to it
//	counts NAME=N...                      checks what the sandbox counted; N may be MIN-MAX
//	awaits NAME=N                         waits until the sandbox has counted N
//	tasks                                 prints the bodies of the dispatched tasks
//	uploads                               prints key, name, size and start of each upload
//	api KIND                              starts an API with unusual answers
//	unreachable WHY                       points the settings to an API that cannot be reached
//	edge [WHAT ARG...]                    starts a stand-in for ngrok, or changes its state
//	postgres                              points the settings to a new database of a PostgreSQL server, of port $STORE_PORT
//	connections NAME=N...                 checks how many connections the commands of that name have to it; N may be MIN-MAX
//	connected N                           checks how many were made since the last check, once no command has one
//	aged DURATION                         makes the tasks in the ledger older
//	cert                                  writes cert.pem and key.pem for 127.0.0.1
//	balancer N                            starts a load balancer at $BALANCER before $BACKEND1 to $BACKENDN
//	post READY STATUS BODY [NAME=VALUE...] sends a callback to a listener
//	misdeliver READY STATUS BODY          sends the callback of the newest task to another listener
//	until FILE [TEXT]                     waits for a file that has the text
//	report FILE                           prints the test cases of a JUnit report
//	mode PERM FILE                        checks the permissions of a file
func TestScripts(t *testing.T) {
	runScripts(t, testscript.Params{Dir: "testdata/script"}, func(*testscript.Env) error { return nil })
}

// runScripts runs the scripts of p, each after more has prepared its environment.
func runScripts(t *testing.T, p testscript.Params, more func(*testscript.Env) error) {
	if signal.Ignored(syscall.SIGHUP) { // under nohup: the commands must get it all the same
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	p.RequireExplicitExec, p.RequireUniqueNames = true, true
	p.Cmds = scriptCommands()
	p.Setup = func(env *testscript.Env) error {
		w := newScriptWorld()
		env.Values[worldKey{}] = w
		env.Defer(w.close)
		env.Vars = append(env.Vars,
			"HOME="+env.WorkDir+"/home", "XDG_CONFIG_HOME="+env.WorkDir+"/config",
			"LocalAppData="+env.WorkDir+"/home/.local/state", // on Windows, the same as elsewhere
			"GORACE=atexit_sleep_ms=0",                       // without the second for which the race detector waits at the end
			"TZ=Europe/Berlin", "NARADA_POLL_INTERVAL=100ms", "NARADA_BROWSER_WINDOW_ID=window_1")
		return errors.Join(more(env), os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o700))
	}
	p.Condition = func(name string) (bool, error) {
		if path, ok := strings.CutPrefix(name, "exists:"); ok {
			_, err := os.Stat(path)
			return err == nil, nil
		}
		met, ok := scriptConditions[name]
		if !ok {
			return false, fmt.Errorf("no condition %q", name)
		}
		return met(), nil
	}
	testscript.Run(t, p)
}

// scriptConditions are the conditions of scripts, beside exists:PATH.
var scriptConditions = map[string]func() bool{
	"root":     func() bool { return os.Getuid() == 0 },
	"postgres": func() bool { return false },
}

type scriptCommand = func(*testscript.TestScript, bool, []string)

// unixCommands are the commands of scripts that need a Unix system. Other systems have none.
var unixCommands = map[string]scriptCommand{}

// needUnix skips a test that needs signals, or a shell.
func needUnix(t *testing.T) {
	t.Helper()
	if len(unixCommands) == 0 {
		t.Skip("it is for Unix")
	}
}

func scriptCommands() map[string]scriptCommand {
	commands := map[string]scriptCommand{
		"exits":       scriptExits,
		"signal":      scriptSignal,
		"report":      scriptReport,
		"cloud":       scriptCloud,
		"counts":      scriptCounts,
		"awaits":      scriptAwaits,
		"tasks":       scriptTasks,
		"uploads":     scriptUploads,
		"api":         scriptAPI,
		"edge":        scriptEdge,
		"cert":        scriptCert,
		"post":        scriptPost,
		"balancer":    scriptBalancer,
		"misdeliver":  scriptMisdeliver,
		"unreachable": scriptUnreachable,
		"until":       scriptUntil,
		"mode":        scriptMode,
	}
	maps.Copy(commands, unixCommands)
	return commands
}

// code returns the exit code as a shell reports it.
func code(err error) int {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		if err != nil {
			return -1
		}
		return 0
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

func wantCode(ts *testscript.TestScript, neg bool, args []string, least int) int {
	if neg || len(args) < least {
		ts.Fatalf("wrong use: see TestScripts")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	return want
}

// withoutEnv sets the variables of env NAME=VALUE... COMMAND until restore is called, and
// returns the command: Windows has no env.
func withoutEnv(ts *testscript.TestScript, args []string) (command []string, restore func()) {
	before := map[string]string{}
	if args[0] == "env" && runtime.GOOS == "windows" {
		for args = args[1:]; strings.Contains(args[0], "="); args = args[1:] {
			name, value, _ := strings.Cut(args[0], "=")
			before[name] = ts.Getenv(name)
			ts.Setenv(name, value)
		}
	}
	return args, func() {
		for name, value := range before {
			ts.Setenv(name, value)
		}
	}
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	want := wantCode(ts, neg, args, 2)
	args, restore := withoutEnv(ts, args[1:])
	err := ts.Exec(args[0], args[1:]...)
	restore()
	if got := code(err); got != want {
		ts.Fatalf("exit code %d, want %d (%v)", got, want, err)
	}
}

// programOf makes a command with the environment of the script.
func programOf(ts *testscript.TestScript, args []string) *exec.Cmd {
	c := exec.Command(args[0], args[1:]...)
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if path := filepath.Join(dir, args[0]); args[0] == "narada" && exists(path) {
			c = exec.Command(path, args[1:]...)
			break
		}
	}
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{
		"HOME", "LocalAppData", "SystemRoot", "XDG_CONFIG_HOME", "GORACE", "TZ", "PATH", "TERM", "NO_COLOR", "NGROK_AUTHTOKEN", "SSL_CERT_FILE", "NARADA_API_KEY", "NARADA_API_BASE_URL",
		"NARADA_POLL_INTERVAL", "NARADA_BROWSER_WINDOW_ID", "NARADA_STATE_DIR", "NARADA_STORE", "NARADA_STORE_SCHEMA", "NARADA_NGROK_CONNECT_URL", "NARADA_NGROK_CONNECT_CAS", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CI",
	} {
		if value := ts.Getenv(name); value != "" {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	return c
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// watched is a stderr that signals when a pattern matches.
type watched struct {
	re *regexp.Regexp

	mu    sync.Mutex
	text  bytes.Buffer
	found chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.found != nil && w.re.Match(w.text.Bytes()) {
		close(w.found)
		w.found = nil
	}
	return len(p), nil
}

func (w *watched) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Len()
}

// shows waits for a match in what comes after the first bytes.
func (w *watched) shows(after int) error {
	return eventually(func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.re.Match(w.text.Bytes()[after:])
	})
}

// interrupted runs the command, calls interrupt when its stderr matches, and checks its exit
// code.
func interrupted(ts *testscript.TestScript, want int, pattern string, c *exec.Cmd, interrupt func() error) {
	found := make(chan struct{})
	stderr := &watched{re: regexp.MustCompile(pattern), found: found}
	var stdout bytes.Buffer
	c.Stdout, c.Stderr = &stdout, stderr
	ts.Check(c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-found:
		ts.Check(interrupt())
	case <-time.After(60 * time.Second):
		_ = c.Process.Kill()
		<-ended
		ts.Fatalf("its stderr did not match:\n%s", stderr.text.String())
	case err := <-ended:
		ts.Fatalf("it ended (%v) before its stderr matched:\n%s", err, stderr.text.String())
	}
	var err error
	select {
	case err = <-ended:
	case <-time.After(60 * time.Second):
		_ = c.Process.Kill()
		<-ended
		ts.Fatalf("it did not end:\n%s", stderr.text.String())
	}
	_, _ = fmt.Fprint(ts.Stdout(), stdout.String())
	_, _ = fmt.Fprint(ts.Stderr(), stderr.text.String())
	if got := code(err); got != want {
		ts.Fatalf("exit code %d, want %d; stderr:\n%s", got, want, stderr.text.String())
	}
}

func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	want := wantCode(ts, neg, args[1:], 3)
	sig := map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "ABRT": syscall.SIGABRT}[args[0]]
	c := programOf(ts, args[3:])
	interrupted(ts, want, args[2], c, func() error { return c.Process.Signal(sig) })
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	ts.Check(eventually(func() bool {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && (len(args) == 1 || bytes.Contains(content, []byte(args[1])))
	}))
}

func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if runtime.GOOS == "windows" {
		return // a mode means nothing there; package private tests the access lists
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[0]) == neg {
		ts.Fatalf("%s has mode %s", args[1], got)
	}
}
