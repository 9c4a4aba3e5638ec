package cmd

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/narada-cli/narada/pkg/signals"
)

// The pages show callbacks, and what an endpoint answers to one that is sent again.
func leaksOfPages(t *testing.T, w *leakWorld) {
	secret, shop := w.env["HOOK_SECRET"], w.env["HOOK_SHOP"]
	l := w.listen("listening on", withCredentials("--count", "1")...)
	l.post("", "req_taken", "wrong", shop)
	l.post("", "req_taken", secret, "wrong")
	l.post("", "req_taken", secret, shop)
	l.end(codeDone)

	stdout, stderr := &found{text: "\n", told: make(chan struct{})}, &found{}
	told := stdout.told
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- w.app(stdout, stderr, withCredentials("ui", "--addr", "127.0.0.1:0", "-v")...).Run(ctx)
	}()
	select {
	case <-told:
	case code := <-ended:
		t.Fatalf("ui ended with %d: %s", code, stderr)
	}
	base, token, _ := strings.Cut(strings.TrimSpace(stdout.String()), "/?token=")
	get := func(path string) string {
		t.Helper()
		return w.page(http.Get(base + path + "?token=" + token))
	}
	for path, said := range map[string]string{"/tasks": "req_taken", "/tasks/req_taken": "X-Shop", "/callbacks": "refused, 401", "/callbacks/1/raw": "req_taken", "/usage": "Sum"} {
		if text := get(path); !strings.Contains(text, said) {
			t.Errorf("%s has no %q: %s", path, said, text)
		}
	}
	form := regexp.MustCompile(`name="once" value="([A-Z2-7]+)"`).FindStringSubmatch(get("/tasks/req_taken"))
	if form == nil {
		t.Fatal("there is no form")
	}
	w.eachForm(func(name string) {
		for _, w.status = range []int{200, 400} {
			text := w.page(http.PostForm(base+"/callbacks/1/replay?token="+token, url.Values{"once": {form[1]}, "url": {w.hook.URL}}))
			if !strings.Contains(text, "***") {
				t.Errorf("%s: there is no answer: %s", name, text)
			}
		}
	})
	var posting sync.WaitGroup
	for i := range 8 { // to different addresses, at once
		posting.Go(func() {
			answer, err := http.PostForm(base+"/callbacks/1/replay?token="+token, url.Values{"once": {form[1]}, "url": {w.hook.URL + "/" + strconv.Itoa(i)}})
			if err != nil {
				t.Error(err)
				return
			}
			text, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if want := "POST " + w.hook.URL + "/" + strconv.Itoa(i) + ","; err != nil || !strings.Contains(string(text), want) {
				t.Errorf("there is no %q in %s", want, text)
			}
		})
	}
	posting.Wait()
	cancel(&signals.Error{Signal: os.Interrupt})
	if code := <-ended; code != codeDone {
		t.Errorf("ui ended with %d: %s", code, stderr)
	}
	w.look("ui: stderr", stderr.String())
	w.lookInFiles()
}

// page returns what a request was answered, and looks for secrets in it.
func (w *leakWorld) page(answer *http.Response, err error) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	w.look(answer.Request.URL.Path, string(text))
	return string(text)
}
