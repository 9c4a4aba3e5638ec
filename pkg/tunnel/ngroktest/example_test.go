package ngroktest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.ngrok.com/ngrok/v2"

	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

// The real ngrok library connects to the stand-in, and an HTTP client that trusts it
// calls the endpoint.
func ExampleEdge() {
	edge, err := ngroktest.New(ngroktest.Options{})
	if err != nil {
		panic(err)
	}
	defer edge.Close()

	agent, err := ngrok.NewAgent(
		ngrok.WithAuthtoken("any"),
		ngrok.WithAgentConnectURL(edge.ConnectURL()),
		ngrok.WithAgentConnectCAs(edge.CAs()),
	)
	if err != nil {
		panic(err)
	}
	ln, err := agent.Listen(context.Background(), ngrok.WithURL("https://hello.ngrok.app"))
	if err != nil {
		panic(err)
	}
	go func() {
		// Programs should not do this: see package tunnel.
		_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "hello, %s", r.Header.Get("X-Forwarded-Host"))
		}))
	}()

	resp, err := edge.Client().Post(ln.URL().String(), "text/plain", strings.NewReader("hi"))
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.URL(), resp.StatusCode, string(body), edge.Requests())
	// Output: https://hello.ngrok.app 200 hello, hello.ngrok.app 1
}
