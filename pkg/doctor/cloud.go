package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
)

// dated is the transport of the API's client. It reads the API's clock from the answers.
type dated struct{ d *Doctor }

// RoundTrip implements http.RoundTripper.
func (t dated) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.d.API.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.d.clockOff = new(time.Since(at).Abs())
	}
	return resp, nil
}

// api checks whether the API answers.
func (d *Doctor) api(ctx context.Context) contract.Finding {
	if d.noClient != nil {
		return contract.Failed(d.noClient.Error(), "Correct base-url ("+d.BaseURLOrigin+").")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	start := time.Now()
	_, err := d.client.MinSDKVersion(ctx, "narada")
	api, answered := errors.AsType[*narada.APIError](err)
	switch {
	case answered && api.StatusCode >= 500:
		return contract.Failed(fmt.Sprintf("%s answers %d", d.BaseURL, api.StatusCode), "The API has a problem: try again later.")
	case err == nil || answered:
		return contract.Passed(d.BaseURL + " answers in " + rounded(time.Since(start)))
	case ctx.Err() != nil:
		return contract.Failed(fmt.Sprintf("%s does not answer within %s", d.BaseURL, callLimit), "Check the network. The proxy is read from HTTPS_PROXY.")
	}
	return contract.Failed(d.BaseURL+": "+d.explained(err), "Check the network and base-url. The proxy is read from HTTPS_PROXY.")
}

// How far this machine's clock may differ from the API's.
const (
	clockOdd   = time.Minute
	clockWrong = 5 * time.Minute
)

func (d *Doctor) clock(context.Context) contract.Finding {
	if d.clockOff == nil {
		return contract.Skipped("the API sent no date", "")
	}
	off := *d.clockOff
	const advice = "Synchronize the clock: certificates and task times depend on it."
	switch {
	case off > clockWrong:
		return contract.Failed("off by "+rounded(off), advice)
	case off > clockOdd:
		return contract.Warned("off by "+rounded(off), advice)
	}
	return contract.Passed("within " + rounded(max(off, time.Second)) + " of the API's")
}

// apiKey checks the key by asking for a task that does not exist.
func (d *Doctor) apiKey(ctx context.Context) contract.Finding {
	switch {
	case d.NoAPIKey != nil:
		return d.failedWith(d.NoAPIKey)
	case d.APIKey.Empty():
		return contract.Failed("no API key is set", "Set NARADA_API_KEY, or store one: narada login")
	}
	if d.noClient != nil {
		return contract.Skipped("the base URL is not valid", "")
	}
	err := TryKey(ctx, d.client)
	api, answered := errors.AsType[*narada.APIError](err)
	switch {
	case err == nil:
		return contract.Passed("accepted (" + d.APIKeyOrigin + ")")
	case answered && api.Unauthorized():
		return contract.Failed(fmt.Sprintf("refused with %d (%s)", api.StatusCode, d.APIKeyOrigin), d.ReplaceKey)
	case answered:
		return contract.Warned(fmt.Sprintf("not verified: the API answers %d", api.StatusCode), "Try again later.")
	}
	return contract.Skipped("the API was not reached", "")
}

// Statuser is the API as TryKey uses it. *narada.Client implements it.
type Statuser interface {
	Status(ctx context.Context, id string) (*narada.Result, error)
}

// TryKey asks the API for a task that does not exist. It returns nil if the API accepts the
// client's key, else the error of the call.
func TryKey(ctx context.Context, client Statuser) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := client.Status(ctx, "req_narada_doctor")
	if api, answered := errors.AsType[*narada.APIError](err); answered && api.StatusCode == http.StatusNotFound {
		return nil
	}
	return err
}

// window reports which browser window tasks run in.
func (d *Doctor) window(context.Context) contract.Finding {
	if d.Window == "" {
		return contract.Warned("none is set: tasks in client mode require one",
			`Set its ID: narada config set browser-window-id ID ("Authentication" at https://docs.narada.ai shows where to find it), or use --mode cloud_browser.`)
	}
	return contract.Passed(d.Window)
}
