package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// ngrokToken finds out how a public address can be opened.
func (d *Doctor) ngrokToken(context.Context) contract.Finding {
	c, ok, err := d.Endpoint()
	if err != nil {
		return d.failedWith(err)
	}
	d.catching, d.canOpen = c, ok
	switch {
	case !ok:
		return contract.Warned("there is none: answers come by polling alone", "Set NGROK_AUTHTOKEN (https://dashboard.ngrok.com/get-started/your-authtoken), or use --public-url URL --addr HOST:PORT.")
	case c.Ngrok == nil:
		return contract.Skipped("the address is one of your own", "")
	case d.AuthtokenOrigin == "":
		return contract.Passed("from the ngrok agent's own config file, for listen and --via callback alone")
	}
	return contract.Passed(d.AuthtokenOrigin)
}

// ngrok tries the way to ngrok's service.
func (d *Doctor) ngrok(ctx context.Context) contract.Finding {
	if d.catching.Ngrok == nil {
		return contract.Skipped("it is not used", "")
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

// publicEndpoint opens a public address.
func (d *Doctor) publicEndpoint(ctx context.Context) contract.Finding {
	if !d.canOpen {
		return contract.Skipped("there is no way to open one", "")
	}
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	e, err := tunnel.Open(ctx, d.catching)
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

// closeEndpoint gives the public address back, once.
func (d *Doctor) closeEndpoint() {
	if d.endpoint == nil {
		return
	}
	_ = d.close() // it is closed all the same
	d.endpoint = nil
}

// callback sends a sample callback to ourselves through the public address.
func (d *Doctor) callback(ctx context.Context) contract.Finding {
	if d.endpoint == nil {
		return contract.Skipped("there is no address to send one to", "")
	}
	received := make(chan struct{}, 1)
	server := receive.Open(d.endpoint, receive.Options{Random: d.Random, Sink: webhook.SinkFunc(func(context.Context, webhook.Delivery) error {
		select {
		case received <- struct{}{}:
		default: // a repeat
		}
		return nil
	})})
	d.close = server.Close
	const advice = "The address cannot be reached from here: see that a firewall, a proxy or DNS does not keep it away. From the cloud it may work all the same."
	ready, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if err := server.Ready(ready, &http.Client{Transport: d.Transport}, nil); err != nil {
		return contract.Failed(d.explained(err), advice)
	}
	sample, err := d.sample(server)
	if err != nil {
		return d.failedWith(err)
	}
	sender := deliver.Sender{Transport: d.Transport, Timeout: callLimit}
	attempts, err := sender.Send(ctx, sample)
	if err != nil {
		return contract.Failed(d.explained(err), advice)
	}
	select {
	case <-received:
	default: // somebody else has answered
		return contract.Failed("it was accepted, and has not come here", advice)
	}
	return contract.Passed("a sample went out and came back in " + rounded(attempts[0].Duration))
}

// sample is a callback that the server accepts.
func (d *Doctor) sample(server *receive.Server) (c deliver.Callback, err error) {
	ticket, err := server.Issue()
	if err != nil {
		return c, err
	}
	sample, err := webhook.Sample("success", d.Random, time.Now())
	if err != nil {
		return c, err
	}
	sample.Secret = &ticket.Secret
	body, err := sample.Body()
	return deliver.Callback{URL: server.URL(ticket), Header: ticket.Header, Body: body}, err
}
