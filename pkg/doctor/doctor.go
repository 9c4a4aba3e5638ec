// Package doctor checks what narada needs, in order: settings, state folder and ledger
// on this machine or its server, the proxy, the API with its clock and the key, the connection to
// ngrok, and a public endpoint, through which a sample callback is sent and received.
// Each check returns a contract.Finding with the result and advice.
//
// It changes nothing: it does not create the state folder, asks the API for a task that
// does not exist, and closes the endpoint.
//
// The package is private to narada.
package doctor

import (
	"cmp"
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/units"
)

// Options configure the checks.
type Options struct {
	Settings []Setting // without defaults
	Warnings int       // number of warnings about the settings

	StateDir func() (string, error)
	Ledger   func(context.Context) (Ledger, error) // nil without an error: no ledger yet

	// Server returns what is known of the server of a ledger that machines share, instead of
	// Ledger; nil: none does.
	Server func(context.Context) (store.Server, error)

	BaseURL, BaseURLOrigin string
	APIKey                 secret.String
	APIKeyOrigin           string
	NoAPIKey               error  // why there is no key, unless none is set
	ReplaceKey             string // how to replace a key that the API refused
	Window                 string // ID of the browser window; "": none is set
	UserAgent              string
	API                    http.RoundTripper                        // for requests to the API
	Mask                   func(statusCode int, body []byte) []byte // masks secrets in its answers

	// Endpoint returns how to open a public endpoint; ok is false if that is not configured.
	Endpoint        func() (c tunnel.Config, ok bool, err error)
	AuthtokenOrigin string            // of ngrok's authtoken; "": no setting has it
	Transport       http.RoundTripper // for the sample callback
	Random          io.Reader         // a cryptographic source

	Check *contract.Check // of the user's own endpoint; nil: none

	Proxy   func(*url.URL) (*url.URL, error)
	Explain func(error) (text, advice string)
	Quote   func(string) string // quotes a word for a shell
}

// Setting is a setting's name and the origin of its value.
type Setting struct{ Name, Origin string }

// Ledger is the ledger on this machine.
type Ledger interface {
	// Check returns what is damaged. It reads everything; ctx bounds it.
	Check(ctx context.Context) (damages []string, err error)
	Size() int64 // bytes
	Close() error
}

// Time limits of checks.
const (
	callLimit   = 10 * time.Second
	ledgerLimit = 10 * time.Second
)

// Doctor is one run of the checks, with results that later checks use.
type Doctor struct {
	Options
	current atomic.Pointer[string] // name of the check in progress

	server   *store.Server    // nil: it was not reached
	client   *narada.Client   // of the API
	noClient error            // why there is none: the base URL is invalid
	clockOff *time.Duration   // between the API's clock and this machine's; nil: unknown
	catching tunnel.Config    // how to open an endpoint
	canOpen  bool             // catching can be opened
	endpoint *tunnel.Endpoint // nil: none is open
	close    func() error     // closes it and its server
}

// New returns a run of the checks.
func New(o Options) *Doctor {
	d := &Doctor{Options: o}
	d.client, d.noClient = narada.NewClient(cmp.Or(o.APIKey.Reveal(), "none"),
		narada.WithBaseURL(o.BaseURL), narada.WithUserAgent(o.UserAgent), narada.WithTransport(dated{d}), narada.WithMask(o.Mask))
	return d
}

var checks = [...]struct {
	name string
	run  func(*Doctor, context.Context) contract.Finding
}{
	{"settings", (*Doctor).settings},
	{"state-dir", (*Doctor).stateDir},
	{"ledger", (*Doctor).ledger},
	{"store", (*Doctor).store},
	{"store-rights", ofServer((*Doctor).storeRights)},
	{"store-settings", ofServer((*Doctor).storeSettings)},
	{"store-speed", ofServer((*Doctor).storeSpeed)},
	{"store-listen", ofServer((*Doctor).storeListen)},
	{"store-transactions", ofServer((*Doctor).storeTransactions)},
	{"proxy", (*Doctor).proxy},
	{"api", (*Doctor).api},
	{"clock", (*Doctor).clock},
	{"api-key", (*Doctor).apiKey},
	{"browser-window", (*Doctor).window},
	{"ngrok-token", (*Doctor).ngrokToken},
	{"ngrok", (*Doctor).ngrok},
	{"public-endpoint", (*Doctor).publicEndpoint},
	{"callback", (*Doctor).callback},
}

// Run runs the checks, then those of Options.Check, and yields their findings. It ends
// when ctx does, without the finding of the check in progress. It may be called once.
func (d *Doctor) Run(ctx context.Context) iter.Seq[contract.Finding] {
	return func(yield func(contract.Finding) bool) {
		defer d.closeEndpoint()
		for _, c := range checks {
			if strings.HasPrefix(c.name, "store") && d.Server == nil || c.name == "ledger" && d.Server != nil {
				continue
			}
			d.current.Store(&c.name)
			start := time.Now()
			f := c.run(d, ctx)
			f.Test, f.Duration = c.name, time.Since(start)
			if ctx.Err() != nil || !yield(f) {
				return
			}
		}
		d.closeEndpoint()
		if d.Check == nil {
			return
		}
		d.current.Store(new("endpoint"))
		for f := range d.Check.Run(ctx) {
			if !yield(f) {
				return
			}
		}
	}
}

// Progress returns the name of the check in progress, "" before the first. It may be called
// during Run.
func (d *Doctor) Progress() string {
	if name := d.current.Load(); name != nil {
		return *name
	}
	return ""
}

// failedWith is contract.Failed for an error that Explain has advice for.
func (d *Doctor) failedWith(err error) contract.Finding { return contract.Failed(d.Explain(err)) }

// explained is Explain's text without its advice.
func (d *Doctor) explained(err error) string {
	text, _ := d.Explain(err)
	return text
}

// rounded formats a duration for a person.
func rounded(d time.Duration) string { return units.Round(max(d, time.Millisecond)).String() }
