// Package doctor looks at what narada needs, one check after the other: settings, state
// folder and ledger on this machine, the proxy, the API with its clock and the key, the
// way to ngrok, and a public address, through which a sample callback is sent and
// received. Each check ends in a contract.Finding, which says what was seen and what to
// do about it.
//
// It changes nothing: the folder for what narada keeps is not made, the API is asked for
// a task that does not exist, and the address is given back.
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
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
)

// Options say what is looked at, and by what means. A check uses the few of them that
// are about it.
type Options struct {
	Settings []Setting // those that are set, but for the defaults
	Warnings int       // how many were said about the settings

	StateDir func() (string, error)
	Ledger   func(context.Context) (Ledger, error) // nil without an error: nothing has been kept yet

	BaseURL, BaseURLOrigin string
	APIKey                 secret.String
	APIKeyOrigin           string
	NoAPIKey               error // why there is none, where another reason is known than that none is set
	UserAgent              string
	API                    http.RoundTripper // for calls of the API

	// Endpoint says how a public address can be opened; ok is false when there is no
	// way to.
	Endpoint        func() (c tunnel.Config, ok bool, err error)
	AuthtokenOrigin string            // of ngrok's token; "": no setting has one
	Transport       http.RoundTripper // for the sample callback
	Random          io.Reader         // a cryptographic source

	Check *contract.Check // of an endpoint of the user's; nil: none is checked

	Proxy   func(*url.URL) (*url.URL, error)
	Explain func(error) (text, advice string)
	Quote   func(string) string // writes a text as a word of a command
	Now     func() time.Time    // nil: time.Now
}

// Setting is a setting's name, and where its value comes from.
type Setting struct{ Name, Origin string }

// Ledger is what was kept.
type Ledger interface {
	// Check returns what is damaged, "" for nothing. It reads all, which ctx bounds.
	Check(ctx context.Context) (damage string, err error)
	Size() int64 // bytes
	Close() error
}

// The time that a check may take.
const (
	callLimit   = 10 * time.Second
	openLimit   = 15 * time.Second
	ledgerLimit = 10 * time.Second
)

// Doctor is one run of the checks, and what they have found for those that follow.
type Doctor struct {
	Options
	current atomic.Pointer[string] // name of the check under way

	client     *narada.Client   // of the API
	noClient   error            // why there is none: the address is not one
	serverTime time.Time        // by the API's clock; zero: it has not told
	localTime  time.Time        // when that was, by ours
	catching   tunnel.Config    // how an address is opened
	canOpen    bool             // there is a way to
	endpoint   *tunnel.Endpoint // nil: none is open
	close      func() error     // closes it, and what serves there
}

// New returns a run of the checks.
func New(o Options) *Doctor {
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Doctor{Options: o}
	d.client, d.noClient = narada.NewClient(cmp.Or(o.APIKey.Reveal(), "none"),
		narada.WithBaseURL(o.BaseURL), narada.WithUserAgent(o.UserAgent), narada.WithTransport(dated{d}))
	return d
}

var checks = [...]struct {
	name string
	run  func(*Doctor, context.Context) contract.Finding
}{
	{"settings", (*Doctor).settings},
	{"state-dir", (*Doctor).stateDir},
	{"ledger", (*Doctor).ledger},
	{"proxy", (*Doctor).proxy},
	{"api", (*Doctor).api},
	{"clock", (*Doctor).clock},
	{"api-key", (*Doctor).apiKey},
	{"ngrok-token", (*Doctor).ngrokToken},
	{"ngrok", (*Doctor).ngrok},
	{"public-endpoint", (*Doctor).publicEndpoint},
	{"callback", (*Doctor).callback},
}

// Run makes the checks, and then those of Options.Check, and yields what each has found.
// It ends when ctx does: what the check under way has found then is not yielded. It is
// called once.
func (d *Doctor) Run(ctx context.Context) iter.Seq[contract.Finding] {
	return func(yield func(contract.Finding) bool) {
		defer d.closeEndpoint()
		for _, c := range checks {
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

// Progress names the check under way, "" before the first. It may be called while Run
// is.
func (d *Doctor) Progress() string {
	if name := d.current.Load(); name != nil {
		return *name
	}
	return ""
}

// failedWith is contract.Failed for an error, of which the caller knows what to do.
func (d *Doctor) failedWith(err error) contract.Finding { return contract.Failed(d.Explain(err)) }

// explained is the text for an error without what to do.
func (d *Doctor) explained(err error) string {
	text, _ := d.Explain(err)
	return text
}

// rounded keeps what a person reads of a duration.
func rounded(d time.Duration) string {
	switch {
	case d < time.Second:
		return max(d.Round(time.Millisecond), time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
