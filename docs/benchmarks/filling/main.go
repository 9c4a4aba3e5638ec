// Filling fills a ledger with tasks and callbacks, as run and listen do.
//
//	filling [-tasks N] FOLDER
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/webhook"
)

const (
	intentsAtOnce = 5000
	senders       = 256
)

func main() {
	tasks := flag.Int("tasks", 1_000_000, "number `N` of tasks")
	flag.Parse()
	if flag.NArg() != 1 || *tasks < 1 {
		fmt.Fprintln(os.Stderr, "usage: filling [-tasks N] FOLDER")
		os.Exit(2)
	}
	if err := fill(context.Background(), flag.Arg(0), *tasks); err != nil {
		fmt.Fprintln(os.Stderr, "filling:", err)
		os.Exit(1)
	}
}

func fill(ctx context.Context, dir string, count int) error {
	l, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return err
	}
	defer l.Close()
	for start := 0; start < count; start += intentsAtOnce {
		if err := fillSome(ctx, l, start, min(intentsAtOnce, count-start)); err != nil {
			return err
		}
	}
	return nil
}

func fillSome(ctx context.Context, l *sqlite.Store, start, count int) error {
	intents := make([]store.Intent, count)
	for i := range intents {
		ticket, err := webhook.NewTicket(rand.Reader, "/narada/")
		if err != nil {
			return err
		}
		prompt := fmt.Sprintf("find the salary range at company %d, and the page that names it", start+i)
		intents[i] = store.IntentOf(&narada.Request{Prompt: "/Operator " + prompt, TimeZone: "Etc/UTC", BrowserWindowID: "window_1"},
			store.Intent{Source: "run", Cloud: "https://api.narada.ai/fast/v2", Machine: "laptop", Prompt: prompt, Ticket: ticket, At: time.Now()})
	}
	if _, err := l.Intend(ctx, intents); err != nil {
		return err
	}
	work := make(chan webhook.Ticket)
	failures := make(chan error, senders)
	var delivering sync.WaitGroup
	for range senders {
		delivering.Go(func() {
			for ticket := range work {
				if err := deliver(ctx, l, ticket); err != nil {
					failures <- err
					break
				}
			}
			for range work {
			}
		})
	}
	for _, intent := range intents {
		work <- intent.Ticket
	}
	close(work)
	delivering.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

func deliver(ctx context.Context, l *sqlite.Store, ticket webhook.Ticket) error {
	body := fmt.Sprintf(`{"requestId":"req_%s","status":"success","response":{"text":"Between 60,000 and 75,000, says the careers page."},`+
		`"createdAt":"2026-01-02T03:04:05Z","completedAt":"2026-01-02T03:04:50Z","usage":{"actions":12,"credits":5},"secret":%q}`, ticket.Path[len("/narada/"):], ticket.Secret)
	header := ticket.Header.Clone()
	header.Set("Content-Type", "application/json")
	result, err := webhook.Verify(ticket, header, []byte(body))
	if err != nil {
		return err
	}
	return l.Deliver(ctx, webhook.Delivery{Ticket: ticket, Result: result, Header: header, Body: []byte(body), ReceivedAt: time.Now()})
}
