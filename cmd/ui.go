package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/replay"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/ui"
	"github.com/narada-cli/narada/pkg/usage"
)

type uiOptions struct {
	addr string
	open bool
	send sendFlags // of replays
}

func newUI(inv *invocation) *cobra.Command {
	var o uiOptions
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "Serve a local web page with tasks, callbacks, batches and usage",
		Long: `ui serves a web page over the ledger, for browsers on this machine: tasks and their
answers, callbacks as they arrive, refused ones too, how batches are doing, and usage.
It is live, and shows what every narada process of this ledger does.

It prints the URL of the page to stdout. The URL has a token, which is kept in the state
folder, so that bookmarks keep working. It runs until it is interrupted.

The page can send a callback again: set the secret and the headers that the endpoint
expects with --callback-secret and --callback-header.`,
		Example: `  narada ui --open

  # a page on another machine, through SSH
  ssh -L 4141:127.0.0.1:4141 build-machine narada ui`,
		Args: usage.NoArgs,
		RunE: inv.printing(new(outputFlags), func(ctx context.Context, p *printer, _ []string) error { return runUI(ctx, inv, p, &o) }),
	}
	f := cmd.Flags()
	f.StringVar(&o.addr, "addr", ui.DefaultAddr, "serve at the loopback address `HOST:PORT`; port 0 is a free one")
	f.BoolVar(&o.open, "open", false, "open the page in the browser")
	o.send.add(cmd)
	return cmd
}

func runUI(ctx context.Context, inv *invocation, p *printer, o *uiOptions) error {
	target, given, err := o.send.resolve(inv, "")
	if err != nil {
		return err
	}
	l, err := inv.openLedger(ctx, nil)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	page, err := newPage(inv, l, ledgerName(inv), o.send.replays(inv, l, target, given))
	if err != nil {
		return err
	}
	listener, err := ui.Listen(o.addr)
	if err != nil {
		return pageAddressError(err)
	}
	return page.Serve(ctx, listener, func(url string) error {
		if err := p.Text(url); err != nil || !o.open {
			return err
		}
		browser.Stdout, browser.Stderr = io.Discard, io.Discard
		if err := browser.OpenURL(page.OneTimeURL(url)); err != nil {
			inv.log.Warn("browser", "no browser could be opened: open the URL yourself", slog.Any("error", err))
		}
		return nil
	})
}

// pageFlag is --ui.
type pageFlag struct{ on bool }

func (p *pageFlag) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.on, "ui", false, "serve the page of narada ui meanwhile")
}

// serve serves the page until stop is called, if the flag is set. It sends callbacks again as
// send says, with the credentials.
func (p *pageFlag) serve(ctx context.Context, inv *invocation, l store.Ledger, send *sendFlags, given secret.Credentials) (stop func(), err error) {
	if !p.on {
		return func() {}, nil
	}
	target, err := send.target.target(inv, "")
	if err != nil {
		return nil, err
	}
	return servePage(ctx, inv, l, ledgerName(inv), send.replays(inv, l, target, given))
}

// replayer sends a callback to a URL again.
type replayer func(ctx context.Context, d store.Delivery, url string) (ui.Replayed, error)

// replays returns what sends callbacks of the ledger again for a page.
func (s *sendFlags) replays(inv *invocation, l store.Ledger, target network.Target, given secret.Credentials) replayer {
	return func(ctx context.Context, d store.Delivery, url string) (ui.Replayed, error) {
		again := replay.Options{Credentials: given, Sender: s.senders(inv, target), Store: l} // several may run at once
		a, err := again.One(ctx, d, url)
		return replayed(inv, a), err
	}
}

// ledgerName names the ledger of the settings for people.
func ledgerName(inv *invocation) string {
	if sharesLedger(inv) {
		return secret.MaskURLs(inv.settings.Get(config.Store).Text)
	}
	dir, _ := inv.stateDir() // it was opened
	return dir
}

// newPage makes the page of a ledger.
func newPage(inv *invocation, l store.Ledger, name string, again replayer) (*ui.Server, error) {
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	token, err := ui.LoadToken(dir)
	if err != nil {
		return nil, err
	}
	return ui.New(ui.Options{
		Ledger: l, Name: name, Token: token, Mask: inv.masker.Mask, Now: time.Now, Zone: time.Local,
		Commands: commandsOf, Replay: again, Log: inv.log.Logger("ui"),
	})
}

// commandsOf returns the commands that send a request again.
func commandsOf(t store.Task, request json.RawMessage) []ui.Command {
	run, call, err := task.Again(request, t.Cloud)
	if err != nil {
		return nil
	}
	return []ui.Command{{Name: "narada", Text: run}, {Name: "curl", Text: call}}
}

// replayed words the attempt to send a callback again.
func replayed(inv *invocation, a deliver.Attempt) ui.Replayed {
	r := ui.Replayed{StatusCode: a.StatusCode, Took: a.Duration, Answer: string(a.Answer)}
	if a.CutOff() {
		r.Answer = inv.masker.MaskStart(r.Answer)
	}
	if !a.Accepted() {
		r.Failure = a.Failure().Error()
	}
	return r
}

// pageAddressError gives an address that cannot be served its exit code.
func pageAddressError(err error) error {
	switch e, _ := errors.AsType[*ui.AddressError](err); {
	case e == nil:
		return err
	case e.Malformed:
		return usage.Errorf("as in --addr "+ui.DefaultAddr, "--addr: %v", err)
	case e.NotLoopback:
		return usage.Errorf("from another machine: ssh -L 4141:"+ui.DefaultAddr+" HOST narada ui", "--addr: %v", err)
	case e.InUse:
		return &exitError{code: codeEndpoint, text: e.Error(), next: "narada ui --addr 127.0.0.1:0 takes a free port", err: err}
	}
	return &exitError{code: codeEndpoint, text: err.Error(), err: err}
}
