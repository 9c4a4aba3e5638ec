package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/webhook"
)

// What doctor looks at elsewhere.

// callLimit is the time that one question may take.
const callLimit = 10 * time.Second

// client is one of the API, with a key that is none where none is set.
func (d *doctor) client() (*narada.Client, error) {
	base, err := d.baseURL()
	if err != nil {
		return nil, err
	}
	key := d.inv.settings.Secret(config.APIKey).Reveal()
	if key == "" {
		key = "none"
	}
	return narada.NewClient(key, narada.WithBaseURL(base.String()), narada.WithUserAgent("narada-cli/"+d.inv.app.Build.version()),
		narada.WithTransport(&dater{next: &wire{next: d.inv.transport(), talk: d.inv.talk}, doctor: d}))
}

// dater reads the API's clock off its answers.
type dater struct {
	next   http.RoundTripper
	doctor *doctor
}

// RoundTrip implements http.RoundTripper.
func (t *dater) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err == nil {
		if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			t.doctor.date, t.doctor.dated = at, time.Now()
		}
	}
	return resp, err
}

// api finds out whether the API answers at all.
func (d *doctor) api(ctx context.Context) contract.Finding {
	client, err := d.client()
	if err != nil {
		return failed(err.Error(), "base-url ("+d.inv.settings.Get(config.BaseURL).Origin+") is the API's address.")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	start := time.Now()
	_, err = client.MinSDKVersion(ctx, "narada")
	where := d.inv.settings.Get(config.BaseURL).Text
	api, answered := errors.AsType[*narada.APIError](err)
	switch {
	case answered && api.StatusCode >= 500:
		return failed(fmt.Sprintf("%s answers %d", where, api.StatusCode), "The cloud has a fault: try again later.")
	case err == nil || answered:
		return passed(fmt.Sprintf("%s answers in %s", where, units.Round(time.Since(start))))
	case ctx.Err() != nil:
		return failed(fmt.Sprintf("%s does not answer within %s", where, callLimit), "Is there a network? A proxy is read from HTTPS_PROXY.")
	}
	return failed(where+": "+explain(err), "Is there a network, and is base-url right? A proxy is read from HTTPS_PROXY.")
}

// How far our clock may be from the API's.
const (
	clockOdd   = time.Minute
	clockWrong = 5 * time.Minute
)

func (d *doctor) clock(context.Context) contract.Finding {
	if d.date.IsZero() {
		return skipped("the API has not told the time")
	}
	off := d.dated.Sub(d.date).Abs()
	detail := "within " + units.Round(max(off, time.Second)).String() + " of the API's"
	const advice = "Have the clock set by the network: certificates and times of tasks depend on it."
	switch {
	case off > clockWrong:
		return failed("off by "+units.Round(off).String(), advice)
	case off > clockOdd:
		return warned("off by "+units.Round(off).String(), advice)
	}
	return passed(detail)
}

// apiKey asks for a task that does not exist.
func (d *doctor) apiKey(ctx context.Context) contract.Finding {
	if d.inv.settings.Withheld.Set() {
		return failedBy(noKey(d.inv.settings))
	}
	if d.inv.settings.Secret(config.APIKey).Empty() {
		return failed("there is none", "Set NARADA_API_KEY, or store one: narada config set api-key -")
	}
	client, err := d.client()
	if err != nil {
		return skipped("the API's address is not one")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err = client.Status(ctx, "req_narada_doctor")
	api, answered := errors.AsType[*narada.APIError](err)
	origin := d.inv.settings.Get(config.APIKey).Origin
	switch {
	case err == nil || await.NotFound(err):
		return passed("accepted (" + origin + ")")
	case answered && api.Unauthorized():
		return failed(fmt.Sprintf("refused with %d (%s)", api.StatusCode, origin), "narada config set api-key - reads a new one.")
	case answered:
		return warned(fmt.Sprintf("the API answers %d, which does not tell", api.StatusCode), "Try again later.")
	}
	return skipped("the API was not reached")
}

// ngrokToken finds out how a public address can be opened.
func (d *doctor) ngrokToken(context.Context) contract.Finding {
	t, ok, err := d.inv.endpointConfig(&d.o.catch, true)
	if err != nil {
		return failedBy(err)
	}
	d.catching, d.canCatch = t, ok
	switch {
	case !ok:
		return warned("there is none: answers come by polling alone", "Set NGROK_AUTHTOKEN (https://dashboard.ngrok.com/get-started/your-authtoken), or use --public-url URL --addr HOST:PORT.")
	case t.Ngrok == nil:
		return skipped("the address is one of your own")
	case d.inv.settings.Secret(config.NgrokAuthtoken).Empty():
		return passed("from the ngrok agent's own config file, for listen and --via callback alone")
	}
	return passed(d.inv.settings.Get(config.NgrokAuthtoken).Origin)
}

// ngrok tries the way to ngrok's service.
func (d *doctor) ngrok(ctx context.Context) contract.Finding {
	if d.catching.Ngrok == nil {
		return skipped("it is not used")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	found, err := d.catching.Ngrok.Diagnose(ctx, d.catching.Logger)
	if err != nil {
		d.canCatch = false
		return failedBy(err)
	}
	return passed(fmt.Sprintf("%s answers in %s, region %s", found.Addr, max(units.Round(found.Latency), time.Millisecond), dash(found.Region)))
}

func (d *doctor) open(ctx context.Context) contract.Finding {
	if !d.canCatch {
		return skipped("there is no way to open one")
	}
	e, err := d.inv.openEndpoint(ctx, d.catching, openLimit)
	if err != nil {
		return failedBy(err)
	}
	d.endpoint = e
	return passed(e.URL().String())
}

// callback sends a sample callback to ourselves through the public address.
func (d *doctor) callback(ctx context.Context) contract.Finding {
	if d.endpoint == nil {
		return skipped("there is no address to send one to")
	}
	came := make(chan struct{}, 1)
	in := receive.Open(d.endpoint, receive.Options{Random: d.inv.app.Random, Sink: webhook.SinkFunc(func(context.Context, webhook.Delivery) error {
		came <- struct{}{}
		return nil
	})})
	defer d.inv.closeInbox(in)
	const advice = "The address cannot be reached from here: see that a firewall, a proxy or DNS does not keep it away. From the cloud it may work all the same."
	ready, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if err := in.Ready(ready, &http.Client{Transport: d.inv.transport()}, nil); err != nil {
		return failed(explain(err), advice)
	}
	ticket, err := in.Issue()
	if err != nil {
		return failedBy(err)
	}
	sample, err := webhook.Sample("success", d.inv.app.Random, time.Now())
	if err != nil {
		return failedBy(err)
	}
	sample.Secret = &ticket.Secret
	body, err := sample.Body()
	if err != nil {
		return failedBy(err)
	}
	sender := deliver.Sender{Transport: d.inv.transport(), Timeout: callLimit}
	attempts, err := sender.Send(ctx, deliver.Callback{URL: in.URL(ticket), Header: ticket.Header, Body: body})
	if err != nil {
		return failed(explain(err), advice)
	}
	select {
	case <-came:
	default: // somebody else has answered
		return failed("it was accepted, and has not come here", advice)
	}
	return passed(fmt.Sprintf("a sample went out and came back in %s", units.Round(attempts[0].Duration)))
}
