package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/narada-cli/narada/pkg/webhook"
)

func ExampleNewHandler() {
	ticket := webhook.Ticket{
		Path:   "/api/narada/webhook",
		Header: http.Header{"Authorization": {"Bearer token"}},
		Secret: "secret",
	}
	http.Handle(ticket.Path, webhook.NewHandler(ticket, webhook.SinkFunc(func(_ context.Context, d webhook.Delivery) error {
		fmt.Println(d.Result.RequestID, d.Result.Status, d.Result.Text())
		return nil
	})))

	server := httptest.NewServer(nil)
	defer server.Close()
	body := `{"requestId":"req_1","secret":"secret","status":"success","response":{"text":"3 jobs"}}`
	req, _ := http.NewRequest(http.MethodPost, server.URL+ticket.Path, strings.NewReader(body))
	req.Header = http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output:
	// req_1 success 3 jobs
	// 200
}

func ExampleVerify() {
	ticket := webhook.Ticket{Secret: "secret", Header: http.Header{"X-Token": {"token"}}}
	header := http.Header{"X-Token": {"token"}, "Content-Type": {"application/json"}}

	_, err := webhook.Verify(ticket, header, []byte(`{"requestId":"req_1","secret":"guess","status":"success"}`))
	fmt.Println(err)
	// Output: wrong secret
}

// A service with several processes keeps the digest, and no secret, in its database:
// each process can verify the callbacks of a ticket that another has issued.
func ExampleTicket_Digest() {
	ticket := webhook.Ticket{Path: "/callback/1", Secret: "secret", Header: http.Header{"X-Token": {"token"}}}
	digest := ticket.Digest()

	elsewhere, err := webhook.ParseDigest("/callback/1", digest)
	if err != nil {
		fmt.Println(err)
		return
	}
	header := http.Header{"X-Token": {"token"}, "Content-Type": {"application/json"}}
	result, err := webhook.Verify(elsewhere, header, []byte(`{"requestId":"req_1","secret":"secret","status":"success"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.RequestID)
	// Output: req_1
}
