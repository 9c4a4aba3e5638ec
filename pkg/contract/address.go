package contract

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
)

func (c *Check) https(_ context.Context, t test) Finding {
	switch {
	case c.url.Scheme == "https":
		return Passed("https")
	case c.AllowHTTP:
		return Skipped("plain http is allowed", "")
	}
	c.unsent = "nothing is sent over plain http"
	return Failed("plain http", t.advice)
}

func (c *Check) name(ctx context.Context, t test) Finding {
	if address, err := netip.ParseAddr(c.host); err == nil {
		c.addresses = []netip.Addr{address}
		return Passed("an address, not a name")
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	addresses, err := c.LookupHost(ctx, c.host)
	c.addresses = addresses
	switch {
	case err == nil && len(addresses) > 0:
		return Passed(listed(addresses))
	case c.proxy != nil:
		return Skipped("not found; the proxy looks it up", "")
	}
	c.stopped = c.url.Hostname() + " cannot be found"
	return Failed("not found", t.advice)
}

func (c *Check) publicAddress(_ context.Context, t test) Finding {
	switch {
	case c.AllowHTTP:
		return Skipped("any address is allowed", "")
	case len(c.addresses) == 0:
		return Skipped("the address is unknown", "")
	}
	for _, address := range c.addresses {
		if kind := notPublic(address); kind != "" {
			return Failed(fmt.Sprintf("%s is %s", address, kind), t.advice)
		}
	}
	return Passed(listed(c.addresses))
}

// listed names the first three addresses.
func listed(addresses []netip.Addr) string {
	var texts []string
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	if more := len(texts) - 3; more > 0 {
		texts = append(texts[:3], fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}

// nat64 is the IPv6 prefix of translated IPv4 addresses (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// special lists the blocks of addresses that are not globally reachable, by kind: those
// of IANA's registries of special-purpose addresses, and multicast.
var special = map[string][]string{
	"unspecified":                    {"0.0.0.0/8", "::/128"},
	"loopback":                       {"127.0.0.0/8", "::1/128"},
	"private":                        {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "64:ff9b:1::/48", "fc00::/7", "fec0::/10"},
	"link-local":                     {"169.254.0.0/16", "fe80::/10"},
	"multicast":                      {"224.0.0.0/4", "ff00::/8"},
	"of a carrier's network (CGNAT)": {"100.64.0.0/10"},
	"reserved":                       {"192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "100::/64", "2001::/23", "5f00::/16"},
	"for documentation":              {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"},
	"for benchmarks":                 {"198.18.0.0/15"},
}

// notPublic returns the kind of an address that is not public.
func notPublic(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	for kind, blocks := range special {
		for _, block := range blocks {
			if netip.MustParsePrefix(block).Contains(a) {
				return kind
			}
		}
	}
	return ""
}
