package narada_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
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
