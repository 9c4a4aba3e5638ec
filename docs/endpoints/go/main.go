// A webhook endpoint for Narada Cloud, with package webhook.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/narada-cli/narada/pkg/webhook"
)

func main() {
	token, secret, port := os.Getenv("WEBHOOK_TOKEN"), os.Getenv("NARADA_CALLBACK_SECRET"), os.Getenv("PORT")
	if token == "" || secret == "" || port == "" {
		log.Fatal("set WEBHOOK_TOKEN, NARADA_CALLBACK_SECRET and PORT")
	}
	ticket := webhook.Ticket{
		Path:   "/api/narada/webhook",
		Header: http.Header{"Authorization": {"Bearer " + token}},
		Secret: secret,
	}
	server := http.Server{
		Addr:              "127.0.0.1:" + port,
		Handler:           webhook.NewHandler(ticket, webhook.SinkFunc(store)),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
	}
	log.Fatal(server.ListenAndServe())
}

// store is called concurrently, with verified callbacks only. The cloud gets 200 if it
// returns nil, and 503 otherwise: write to a disk or a queue here, and do long work
// elsewhere.
func store(_ context.Context, d webhook.Delivery) error {
	var line bytes.Buffer // one write per line, so that lines do not mix
	fmt.Fprintf(&line, "%s\t%s\t%q\n", d.Result.RequestID, d.Result.Status, d.Result.Text())
	_, err := os.Stdout.Write(line.Bytes())
	return err
}
