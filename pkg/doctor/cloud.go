package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
)

// client is one of the API, with a key that is none where none is set. It reads the
// API's clock off the answers.
func (d *Doctor) client() (*narada.Client, error) {
	return narada.NewClient(cmp.Or(d.APIKey.Reveal(), "none"),
		narada.WithBaseURL(d.BaseURL), narada.WithUserAgent(d.UserAgent), narada.WithTransport(dated{d}))
}

// dated is the transport of the API's client.
type dated struct{ d *Doctor }

// RoundTrip implements http.RoundTripper.
func (t dated) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.d.API.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.d.serverTime, t.d.localTime = at, t.d.Now()
	}
	return resp, nil
}

// api finds out whether the API answers at all.
func (d *Doctor) api(ctx context.Context) contract.Finding {
	client, err := d.client()
	if err != nil {
		return fail(err.Error(), "base-url ("+d.BaseURLOrigin+") is the API's address.")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	start := time.Now()
	_, err = client.MinSDKVersion(ctx, "narada")
	api, answered := errors.AsType[*narada.APIError](err)
	switch {
	case answered && api.StatusCode >= 500:
		return fail(fmt.Sprintf("%s answers %d", d.BaseURL, api.StatusCode), "The cloud has a fault: try again later.")
	case err == nil || answered:
		return pass(d.BaseURL + " answers in " + rounded(time.Since(start)))
	case ctx.Err() != nil:
		return fail(fmt.Sprintf("%s does not answer within %s", d.BaseURL, callLimit), "Is there a network? A proxy is read from HTTPS_PROXY.")
	}
	return fail(d.BaseURL+": "+d.explained(err), "Is there a network, and is base-url right? A proxy is read from HTTPS_PROXY.")
}

// How far our clock may be from the API's.
const (
	clockOdd   = time.Minute
	clockWrong = 5 * time.Minute
)

func (d *Doctor) clock(context.Context) contract.Finding {
	if d.serverTime.IsZero() {
		return skip("the API has not told the time")
	}
	off := d.localTime.Sub(d.serverTime).Abs()
	const advice = "Have the clock set by the network: certificates and times of tasks depend on it."
	switch {
	case off > clockWrong:
		return fail("off by "+rounded(off), advice)
	case off > clockOdd:
		return warn("off by "+rounded(off), advice)
	}
	return pass("within " + rounded(max(off, time.Second)) + " of the API's")
}

// apiKey asks for a task that does not exist.
func (d *Doctor) apiKey(ctx context.Context) contract.Finding {
	if d.APIKey.Empty() {
		return fail("there is none", "Set NARADA_API_KEY, or store one: narada config set api-key -")
	}
	client, err := d.client()
	if err != nil {
		return skip("the API's address is not one")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err = client.Status(ctx, "req_narada_doctor")
	api, answered := errors.AsType[*narada.APIError](err)
	switch {
	case err == nil || answered && api.StatusCode == http.StatusNotFound:
		return pass("accepted (" + d.APIKeyOrigin + ")")
	case answered && api.Unauthorized():
		return fail(fmt.Sprintf("refused with %d (%s)", api.StatusCode, d.APIKeyOrigin), "narada config set api-key - reads a new one.")
	case answered:
		return warn(fmt.Sprintf("the API answers %d, which does not tell", api.StatusCode), "Try again later.")
	}
	return skip("the API was not reached")
}
