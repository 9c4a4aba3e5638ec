package doctor

import (
	"cmp"
	"context"
	"fmt"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/trigger"
	"github.com/narada-cli/narada/pkg/webhook"
)

// ngrokToken checks whether a public endpoint can be opened.
func (d *Doctor) ngrokToken(context.Context) contract.Finding {
	c, ok, err := d.Endpoint()
	if err != nil {
		return d.failedWith(err)
	}
	d.catching, d.canOpen = c, ok
	switch {
	case !ok:
		return contract.Warned("no ngrok authtoken is set: answers come by polling only", "Set NGROK_AUTHTOKEN (https://dashboard.ngrok.com/get-started/your-authtoken), or use --public-url URL --addr HOST:PORT.")
	case c.Ngrok == nil:
		return contract.Skipped("not needed for your own address", "")
	case d.AuthtokenOrigin == "":
		return contract.Passed("from the ngrok agent's config file; used only by listen and --via callback")
	}
	return contract.Passed(d.AuthtokenOrigin)
}

// ngrok checks the connection to ngrok's service.
func (d *Doctor) ngrok(ctx context.Context) contract.Finding {
	if d.catching.Ngrok == nil {
		return contract.Skipped("not used", "")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	found, err := d.catching.Ngrok.Diagnose(ctx, d.catching.Logger)
	if err != nil {
		d.canOpen = false
		return d.failedWith(err)
	}
	return contract.Passed(fmt.Sprintf("%s answers in %s, region %s", found.Addr, rounded(found.Latency), cmp.Or(found.Region, "-")))
}

// publicEndpoint opens a public endpoint.
func (d *Doctor) publicEndpoint(ctx context.Context) contract.Finding {
	if !d.canOpen {
		return contract.Skipped("no endpoint can be opened", "")
	}
	e, err := receive.OpenTunnel(ctx, d.catching, receive.OpenLimit)
	if err != nil {
		return d.failedWith(err)
	}
	d.endpoint, d.close = e, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), receive.CloseLimit)
		defer cancel()
		return e.Close(ctx)
	}
	return contract.Passed(e.URL().String())
}

// closeEndpoint closes the endpoint, once.
func (d *Doctor) closeEndpoint() {
	if d.endpoint == nil {
		return
	}
	_ = d.close() // it is closed even after an error
	d.endpoint = nil
}

// callback sends a sample callback to this process through the public endpoint.
func (d *Doctor) callback(ctx context.Context) contract.Finding {
	if d.endpoint == nil {
		return contract.Skipped("no endpoint is open", "")
	}
	received := make(chan struct{}, 1)
	server := receive.Open(d.endpoint, receive.Options{Random: d.Random, Sink: webhook.SinkFunc(func(context.Context, webhook.Delivery) error {
		select {
		case received <- struct{}{}:
		default: // repeat
		}
		return nil
	})})
	d.close = server.Close
	const advice = "The address cannot be reached from here: check firewall, proxy and DNS. It may still work from the cloud."
	ready, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	ticket, err := server.Issue()
	if err != nil {
		return d.failedWith(err)
	}
	if err := server.Ready(ready, ticket, d.Transport, nil); err != nil {
		return contract.Failed(d.explained(err), advice)
	}
	sent, err := trigger.Send(ctx, trigger.Options{
		Event: "success", Random: d.Random, URL: server.URL(ticket),
		Credentials: secret.NewCredentials(secret.New(ticket.Secret), ticket.Header),
		Sender:      deliver.Sender{Transport: d.Transport, Timeout: callLimit},
	})
	if err == nil && !sent.Attempt.Accepted() {
		err = sent.Attempt.Failure()
	}
	if err != nil {
		return contract.Failed(d.explained(err), advice)
	}
	select {
	case <-received:
	default: // another server has answered
		return contract.Failed("it was accepted, but not received here", advice)
	}
	return contract.Passed("a sample was sent and received in " + rounded(sent.Attempt.Duration))
}
