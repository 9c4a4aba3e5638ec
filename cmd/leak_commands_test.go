package cmd

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/secret/secrettest"
)

// leakTests have the commands that call a server, or print what one has said. A test must run
// its commands, and look for secrets in their output and in the state folder.
var leakTests = []struct {
	name, commands string
	test           func(*testing.T, *leakWorld)
}{
	{"answers", "run, history, history show", leaksOfAnswers},
	{"the status of tasks", "dispatch, status", leaksOfStatus},
	{"answers of a batch", "batch run, batch show, batch list, batch results", leaksOfBatches},
	{"refused tasks", "run, dispatch, batch run, history, history show", leaksOfRefusals},
	{"trigger", "trigger", leaksOfTrigger},
	{"check and doctor", "check, doctor", leaksOfChecks},
	{"callbacks", "listen, replay, history show", leaksOfCallbacks},
	{"refused callbacks", "listen, trigger, history show", leaksOfRefusedCallbacks},
	{"callbacks for a command", "listen", leaksOfListenCommand},
	{"pages", "ui, listen", leaksOfPages},
	{"sessions", "session start, session list, session stop, session downloads", leaksOfSessions},
	{"any call", "api, login", leaksOfAPI},
	{"uploads", "run, batch run", leaksOfUploads},
}

// localCommands neither call a server nor print what one has said, with what they do.
var localCommands = map[string]string{
	"narada": "help", "narada help": "help", "narada batch": "help", "narada completion": "help", "narada config": "help",
	"narada session": "help", "narada store": "help",
	"narada version": "prints a constant", "narada completion bash": "prints a constant", "narada completion zsh": "prints a constant", "narada completion install": "prints a path",
	"narada completion fish": "prints a constant", "narada completion powershell": "prints a constant",
	"narada config get": "prints the user's settings", "narada config list": "prints the user's settings", "narada config path": "prints the user's settings",
	"narada config profiles": "prints the user's settings", "narada logout": "writes the user's settings", "narada config set": "writes the user's settings", "narada config unset": "writes the user's settings",
	"narada batch work": "prints no answer", "narada batch delete": "counts what it deletes", "narada history prune": "counts what it deletes",
	"narada usage": "counts tasks", "narada store check": "names rows of the ledger", "narada store info": "counts rows of the ledger", "narada store copy": "counts rows of the ledger",
	"narada sandbox": "is a server, and calls those that send it tasks",
}

// No command prints or stores a secret that a server repeats.
func TestNoCommandRevealsASecret(t *testing.T) {
	for _, tt := range leakTests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLeakWorld(t)
			tt.test(t, w)
			for command := range strings.SplitSeq(tt.commands, ", ") {
				command = "narada " + command
				if !slices.ContainsFunc(w.ran, func(line string) bool { return strings.HasPrefix(line, command+" ") }) {
					t.Errorf("it does not run %s", command)
				}
			}
		})
	}
}

func TestEveryCommandIsTestedForLeaksOrLocal(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range leakTests {
		for command := range strings.SplitSeq(tt.commands, ", ") {
			tested["narada "+command] = true
		}
	}
	paths := commandPaths()
	for _, path := range paths {
		if tested[path] == (localCommands[path] != "") {
			t.Errorf("%s must be either in leakTests or in localCommands", path)
		}
	}
	for path := range localCommands {
		if !slices.Contains(paths, path) {
			t.Errorf("localCommands has %q, which is no command", path)
		}
	}
}

// The parts of presigned URLs and forms that prove the right to use them.
const (
	leakSignature = "s1gnature-of-the-cloud/+&"
	leakToken     = "sess1on-t0ken-of-the-cloud"
)

// echoFiles is an API of sessions, files and whatever else is called, with the storage of the
// files. Its answers repeat, in every form, the API key or what proves the right to use the
// storage.
type echoFiles struct {
	url  string
	mode string // which answers are refusals, or odd
}

func newEchoFiles(t *testing.T, w *leakWorld) *echoFiles {
	f := &echoFiles{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	w.env["NARADA_API_BASE_URL"] = f.url
	return f
}

// ServeHTTP implements http.Handler.
func (f *echoFiles) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/storage" {
		f.store(rw, r, body)
		return
	}
	said := inForms(r.Header.Get("X-Api-Key"))
	answer := map[string]any{"said": said, "message": said, said: []any{said, json.RawMessage(`{"a":1.50}`)}}
	switch f.mode {
	case "refused":
		rw.WriteHeader(http.StatusUnprocessableEntity)
		answer["detail"] = said
	case "no JSON":
		fmt.Fprint(rw, said)
		return
	case "redirected":
		rw.Header().Set("Location", "https://"+fmt.Sprintf("%x", r.Header.Get("X-Api-Key"))+".example.com/")
		rw.WriteHeader(http.StatusFound)
		return
	case "other types":
		answer["session_id"], answer["success"], answer["downloaded_files"] = said, said, said
	default:
		f.fill(answer, r)
	}
	_ = json.NewEncoder(rw).Encode(answer)
}

// fill adds the members that the endpoint's answer must have.
func (f *echoFiles) fill(answer map[string]any, r *http.Request) {
	query := url.Values{"X-Amz-Signature": {leakSignature}, "X-Amz-Security-Token": {leakToken}}
	var files []any
	for _, name := range []string{"as it is", "JSON in ASCII", "query", "HTML", "base64", "hexadecimal"} {
		file := secrettest.Forms()[name](r.Header.Get("X-Api-Key"))
		files = append(files, map[string]any{"key": "key " + name, "file_name": file, "size": 3})
	}
	answer["session_id"], answer["browser_window_id"], answer["success"] = "session_1", answer["said"], false
	answer["downloaded_files"] = files
	if strings.Contains(r.URL.Path, "url") || strings.Contains(r.URL.Path, "presigned") {
		answer["presigned_url"], answer["url"] = f.url+"/storage?"+query.Encode(), f.url+"/storage"
		answer["fields"] = map[string]string{"key": "uploads/1", "x-amz-signature": leakSignature, "x-amz-security-token": leakToken}
	}
}

// store is the storage.
func (f *echoFiles) store(rw http.ResponseWriter, r *http.Request, body []byte) {
	proofs := r.URL.Query()
	if r.Method == http.MethodPost {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.ParseMultipartForm(1<<20) == nil {
			proofs = url.Values{}
			for name, values := range r.MultipartForm.Value {
				proofs[http.CanonicalHeaderKey(name)] = values
			}
		}
	}
	switch f.mode {
	case "storage refuses":
		rw.WriteHeader(http.StatusForbidden)
		said := inForms(proofs.Get("X-Amz-Signature"), proofs.Get("X-Amz-Security-Token"))
		_ = xml.NewEncoder(rw).Encode(struct {
			XMLName struct{} `xml:"Error"`
			Code    string
			Message string
		}{Code: "SignatureDoesNotMatch", Message: strings.Join(strings.Fields(said), " ")})
	case "storage redirects":
		rw.Header().Set("Location", "https://"+proofs.Get("X-Amz-Security-Token")+".example.com/")
		rw.WriteHeader(http.StatusTemporaryRedirect)
	default:
		fmt.Fprint(rw, "abc")
	}
}

// run is leakWorld.run, which looks for what proves the right to use the storage, too.
func (f *echoFiles) run(w *leakWorld, said string, args ...string) {
	w.t.Helper()
	var stdout, stderr found
	w.app(&stdout, &stderr, args...).Run(w.t.Context())
	text := stdout.String() + stderr.String()
	if !strings.Contains(text, said) {
		w.t.Errorf("%s, %q: there is no %q in\n%.3000s", f.mode, args, said, text)
	}
	what := f.mode + ", " + strings.Join(args, " ")
	w.look(what, text)
	for _, value := range []string{leakSignature, leakToken} {
		if secrettest.Reveals(text, value) {
			w.t.Errorf("%s has the proof %q in it:\n%.3000s", what, value, text)
		}
	}
}

// leakFormats are the flags for each format of stdout and stderr.
var leakFormats = [][]string{{}, {"-v", "-o", "json"}, {"--jq", "."}, {"-v", "--log-format", "json"}}

func leaksOfSessions(t *testing.T, w *leakWorld) {
	f := newEchoFiles(t, w)
	folder := 0
	for _, mode := range []string{"answered", "refused", "no JSON", "redirected", "other types", "storage refuses", "storage redirects"} {
		f.mode = mode
		limit := "1m"
		if slices.Contains([]string{"no JSON", "redirected", "other types"}, mode) {
			limit = "50ms" // calls are repeated
		}
		for _, how := range leakFormats {
			how = append(how, "--timeout", limit)
			f.run(w, "", slices.Concat([]string{"session", "start"}, how)...)
			f.run(w, "", slices.Concat([]string{"session", "downloads", "session_1"}, how)...)
			folder++
			dir := filepath.Join(w.dir, fmt.Sprint("saved-", folder))
			f.run(w, "", slices.Concat([]string{"session", "downloads", "session_1", "--save", dir}, how)...)
			files, _ := os.ReadDir(dir) // there is none if nothing was saved
			for _, file := range files {
				w.look(mode+", a name in "+dir, file.Name())
			}
			if saved := mode == "answered"; saved != (len(files) > 0) {
				t.Errorf("%s: %d files", mode, len(files))
			}
		}
		for _, how := range [][]string{{}, {"-v", "--log-format", "json"}} {
			f.run(w, "", slices.Concat([]string{"session", "stop", "session_1", "--timeout", limit}, how)...)
		}
	}
	// The answers are printed, without the secrets.
	f.mode = "answered"
	f.run(w, "it was ***", "session", "start", "-o", "json")
	f.run(w, "it was ***", "session", "start")
	f.run(w, "it was ***", "session", "stop", "session_1")
	f.run(w, "session_1", "session", "list", "-o", "json")
	f.run(w, "session_1", "session", "list")
	f.run(w, "***\t3\n", "session", "downloads", "session_1")
	f.mode = "refused"
	f.run(w, "it was ***", "session", "downloads", "session_1")
	f.mode = "storage refuses"
	f.run(w, "it was ***", "session", "downloads", "session_1", "--save", filepath.Join(w.dir, "last"))
}

func leaksOfAPI(t *testing.T, w *leakWorld) {
	f := newEchoFiles(t, w)
	for _, mode := range []string{"answered", "refused", "no JSON", "redirected"} {
		f.mode = mode
		for _, how := range [][]string{{}, {"-v"}, {"--jq", ".said, ."}, {"-v", "--log-format", "json"}} {
			if mode != "answered" && len(how) != 2 { // else it stores the key; --jq is not for it
				f.run(w, "", slices.Concat([]string{"login", "--key", "env:NARADA_API_KEY"}, how)...)
			}
			for _, method := range apiMethods {
				f.run(w, "", slices.Concat([]string{"api", method, "/any/path?a=b", "--field", "c=1", "--timeout", "5s"}, how)...)
			}
		}
	}
	f.mode = "other types"
	f.run(w, "it was ***", "api", "GET", "/any/path")
	f.mode = "refused"
	f.run(w, "it was ***", "api", "GET", "/any/path")
}

func leaksOfUploads(t *testing.T, w *leakWorld) {
	f := newEchoFiles(t, w)
	file, prompts := w.file("report.txt", "abc"), w.file("prompts.jsonl", `{"prompt":"count","attach":"report.txt"}`+"\n")
	for _, mode := range []string{"refused", "no JSON", "redirected", "storage refuses", "storage redirects"} {
		f.mode = mode
		for i, how := range [][]string{{}, {"-v"}, {"-v", "--log-format", "json"}} {
			how = append(how, "--via", "poll", "--timeout", "300ms")
			f.run(w, "", slices.Concat([]string{"run", "--attach", file, "count"}, how)...)
			f.run(w, "", slices.Concat([]string{"run", "-o", "json", "--new-session", "count"}, how)...)
			name := strings.Map(wordOnly, fmt.Sprint(mode, i))
			f.run(w, "", slices.Concat([]string{"batch", "run", prompts, "--name", name}, how)...)
		}
	}
	f.run(w, "https://***.example.com", "run", "--via", "poll", "--attach", file, "count")
	f.mode = "storage refuses"
	f.run(w, "it was ***", "run", "--via", "poll", "--attach", file, "count")
	w.lookInFiles()
}

// A command gets the environment without the secrets, and what the log says of it has none.
func leaksOfListenCommand(t *testing.T, w *leakWorld) {
	needUnix(t)
	w.environ = nil
	for name, value := range leakSecrets() {
		w.environ = append(w.environ, name+"="+value, "BARE_"+name+"="+strings.TrimPrefix(value, "Bearer "))
	}
	w.environ = append(w.environ, "KEPT=kept", "PATH="+os.Getenv("PATH"))
	w.unknown = []string{"TASK_PASSWORD", "MCP_TOKEN", "MCP_HEADER", "CLOUD_TOKEN"} // of no task
	l := w.listen("listening on", append(withCredentials("--count", "1"), "--", "sh", "-c", "cat; env; env >&2")...)
	l.post("", "req_1", w.env["HOOK_SECRET"], w.env["HOOK_SHOP"])
	l.end(codeDone)
	for _, want := range []string{"KEPT=kept", `"requestId":"req_1"`} {
		if !strings.Contains(l.stdout.String(), want) {
			t.Errorf("there is no %s in %s", want, l.stdout)
		}
	}
	w.lookInFiles()
}
