package cmd

import (
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/usage"
)

// targetFlags say how far the endpoint that callbacks are sent to is trusted.
type targetFlags struct {
	allowHTTP  bool
	caFile     string
	unverified bool
	warned     bool
}

// targetFlagNames are the names of the flags.
var targetFlagNames = []string{"allow-http", "cacert", "insecure-skip-verify"}

func (t *targetFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&t.allowHTTP, "allow-http", false, "allow plain http to containers and private networks")
	f.StringVar(&t.caFile, "cacert", "", "also trust the certificate authorities in `FILE` (PEM)")
	f.BoolVar(&t.unverified, "insecure-skip-verify", false, "do not verify the certificate of a local endpoint")
}

// parse returns the URL of the address that a flag or an argument gives.
func (t *targetFlags) parse(name, address string) (string, error) {
	address = network.Expand(address)
	u, err := network.ParseURL(address)
	if err == nil {
		err = network.CheckPlain(u, t.allowHTTP)
	}
	if err == nil && t.unverified && !network.IsLocal(u.Hostname()) {
		return "", usage.Errorf("--cacert FILE trusts an authority of your own", "--insecure-skip-verify: %s is not on this machine or a private network", u.Hostname())
	}
	if err != nil {
		return "", usage.Errorf(ownHint(err), "%s%v", name, err)
	}
	return address, nil
}

// target returns the target at that URL; "": it is not known yet.
func (t *targetFlags) target(inv *invocation, address string) (target network.Target, err error) {
	target = network.Target{URL: address, Unverified: t.unverified}
	if t.caFile != "" {
		if target.Authorities, err = network.ReadCAs(inv.source.Context, t.caFile); err != nil {
			return target, usage.Errorf("", "--cacert: %v", err)
		}
	}
	if t.unverified && !t.warned {
		t.warned = true
		inv.log.Warn("unverified", "--insecure-skip-verify: the certificate of the endpoint is not verified")
	}
	return target, nil
}
