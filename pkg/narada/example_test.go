package narada_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// cloud stands in for the API.
func cloud() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"requestId":"req_1"}`)
			return
		}
		fmt.Fprint(w, `{"status":"success","response":{"text":"3 jobs"},"completedAt":"2026-01-01T00:00:00Z"}`)
	}))
}

func ExampleClient() {
	server := cloud()
	defer server.Close()
	client, err := narada.NewClient("key", narada.WithBaseURL(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	id, err := client.Dispatch(ctx, &narada.Request{Prompt: "/Operator count the jobs", BrowserWindowID: "window_1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Status(ctx, id)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.RequestID, result.Status, result.Final(), result.Text())
	// Output: req_1 success true 3 jobs
}

func ExampleClient_Upload() {
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/storage" {
			fmt.Fprintf(w, `{"url":"%s/storage","fields":{"key":"user-1/cv.txt"}}`, server.URL)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	client, err := narada.NewClient("key", narada.WithBaseURL(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	text := "Ada Lovelace, programmer"
	cv, err := client.Upload(context.Background(), narada.File{Name: "cv.txt", Size: int64(len(text)), Body: strings.NewReader(text)})
	if err != nil {
		fmt.Println(err)
		return
	}
	request := &narada.Request{
		Prompt:         "/Operator Apply with {{$cv}}",
		InputVariables: map[string]any{"cv": cv.Variable()},
	}
	body, err := request.MarshalJSON()
	fmt.Println(string(body), err)
	// Output: {"prompt":"/Operator Apply with {{$cv}}","inputVariables":{"cv":{"source":"remoteDispatchUpload","id":"user-1/cv.txt","filename":"cv.txt","mimeType":"text/plain"}}} <nil>
}

func ExampleClient_StartSession() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path.Base(r.URL.Path) {
		case "create-and-initialize-cloud-browser-session":
			fmt.Fprint(w, `{"session_id":"session-1","browser_window_id":"window-1"}`)
		case "stop-cloud-browser-session":
			fmt.Fprint(w, `{"success":true}`)
		case "downloads":
			fmt.Fprint(w, `{"downloaded_files":[{"key":"session-1/report.pdf","file_name":"report.pdf","size":42}]}`)
		}
	}))
	defer server.Close()
	client, err := narada.NewClient("key", narada.WithBaseURL(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	session, err := client.StartSession(ctx, narada.SessionRequest{Name: "nightly", Timeout: time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A session costs until it is stopped, also when ctx has ended.
	defer func() {
		err := client.StopSession(context.WithoutCancel(ctx), session.ID, narada.SessionComplete)
		fmt.Println("stopped:", err)
	}()
	// ... dispatch with CloudBrowserSessionID and BrowserWindowID, and wait ...
	files, err := client.Downloads(ctx, session.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, file := range files {
		fmt.Println(file.Name, file.Size)
	}
	// Output:
	// report.pdf 42
	// stopped: <nil>
}
