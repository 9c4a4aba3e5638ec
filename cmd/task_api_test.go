package cmd

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// taskAPI is an API whose behaviour depends on the last word of the prompt. It sends the
// callbacks of a task at its first status call, or, if the answer to the dispatch has no valid
// ID, some time after that.
type taskAPI struct {
	world *scriptWorld

	mu    sync.Mutex
	tasks map[string]*oddTask // by request ID
}

// oddTask is a task of a taskAPI.
type oddTask struct {
	word     string
	callback callbackBody
	polls    int
}

// callbackBody has the callback fields of a dispatch.
type callbackBody struct {
	Prompt  string
	URL     string            `json:"callbackUrl"`
	Secret  string            `json:"callbackSecret"`
	Headers map[string]string `json:"callbackHeaders"`
}

// impossibleIDs are request IDs that cannot be any, as JSON, by the word of the prompt.
var impossibleIDs = map[string]string{
	"path": `"../../x"`, "break": `"req_1\nreq_2"`, "huge": `"` + strings.Repeat("x", 1<<20) + `"`, "empty": `""`, "number": `17`,
}

const finished = `{"requestId":%q,"status":"success","response":{"text":%q},"completedAt":"2026-01-01T00:00:00Z"}`

func (a *taskAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method != http.MethodPost {
		a.status(w, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		return
	}
	var body callbackBody
	_ = json.NewDecoder(r.Body).Decode(&body)
	word := body.Prompt[strings.LastIndex(body.Prompt, " ")+1:]
	id, impossible := impossibleIDs[word]
	switch {
	case word == "lost":
		w.WriteHeader(http.StatusBadGateway)
		a.later(body, `../x`)
	case impossible:
		_, _ = io.WriteString(w, `{"requestId":`+id+`}`)
		a.later(body, "req_found")
	default:
		a.tasks["req_"+word] = &oddTask{word: word, callback: body}
		_, _ = io.WriteString(w, `{"requestId":"req_`+word+`"}`)
	}
}

// later sends the final callback, under that ID.
func (a *taskAPI) later(body callbackBody, id string) {
	time.AfterFunc(300*time.Millisecond, func() { a.world.callBack(body, fmt.Sprintf(finished, id, "found")) })
}

func (a *taskAPI) status(w http.ResponseWriter, id string) {
	task := a.tasks[id]
	if task == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	task.polls++
	answer := fmt.Sprintf(finished, id, "mine")
	switch {
	case task.word == "odd" && task.polls <= 6:
		answer = []string{
			fmt.Sprintf(finished, "req_2", "of another"), fmt.Sprintf(finished, "req_2", "of another"),
			"<html>", `{"completedAt":"2026-01-01T00:00:00Z"}`, `{"status":[],"completedAt":"2026-01-01T00:00:00Z"}`, `{"status":"success","completedAt":false}`,
		}[task.polls-1]
	case task.word == "big":
		answer = fmt.Sprintf(finished, id, strings.Repeat("x", 2<<20))
	case task.callback.URL != "":
		if task.polls == 1 {
			for _, named := range []string{"req_2", "req_2", "../x"} {
				a.world.callBack(task.callback, fmt.Sprintf(finished, named, "of another"))
			}
		}
		answer = `{"status":"pending","completedAt":null}`
		if task.polls == 2 {
			a.world.callBack(task.callback, fmt.Sprintf(finished, id, "mine"))
		}
	}
	_, _ = io.WriteString(w, answer)
}

// callBack sends a callback, with the secret as its last member.
func (w *scriptWorld) callBack(to callbackBody, body string) {
	if to.URL == "" {
		return
	}
	secret, _ := json.Marshal(to.Secret)
	req, err := http.NewRequest(http.MethodPost, to.URL, strings.NewReader(strings.TrimSuffix(body, "}")+`,"secret":`+string(secret)+"}"))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range to.Headers {
		req.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots}, DisableKeepAlives: true}}
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
	}
}

// scriptUnreachable starts an API that cannot be reached, behind a proxy that refuses or never
// answers, or with a certificate that nobody has signed.
func scriptUnreachable(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if args[0] == "stalled-proxy" {
			<-r.Context().Done()
		}
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.closers = append(w.closers, server.CloseClientConnections, server.Close)
	ts.Setenv("NARADA_API_KEY", scriptKey)
	if args[0] == "certificate" {
		server.StartTLS()
		ts.Setenv("NARADA_API_BASE_URL", server.URL)
		return
	}
	server.Start()
	ts.Setenv("NARADA_API_BASE_URL", "https://api.example")
	ts.Setenv("HTTPS_PROXY", server.URL)
}
