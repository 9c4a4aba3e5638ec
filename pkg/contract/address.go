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
		return Skipped("not found from here; it is for the proxy to find", "")
	}
	c.stopped = "the name is not found"
	return Failed("not found", t.advice)
}

func (c *Check) publicAddress(_ context.Context, t test) Finding {
	switch {
	case c.AllowHTTP:
		return Skipped("any address is allowed", "")
	case len(c.addresses) == 0:
		return Skipped("the address is not known", "")
	}
	for _, address := range c.addresses {
		if kind := notPublic(address); kind != "" {
			return Failed(fmt.Sprintf("%s is %s", address, kind), t.advice)
		}
	}
	return Passed(listed(c.addresses))
}

// listed names the first few addresses.
func listed(addresses []netip.Addr) string {
	const most = 3
	texts := make([]string, 0, most+1)
	for _, address := range addresses[:min(len(addresses), most)] {
		texts = append(texts, address.String())
	}
	if more := len(addresses) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}

// nat64 is the prefix under which a network without IPv4 shows IPv4 addresses
// (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// special are the blocks of IANA's registries of special-purpose addresses that
// cannot be reached from everywhere and that netip has no method for.
var special = [...]struct {
	block netip.Prefix
	kind  string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "of this network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "of a carrier's network (CGNAT)"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "reserved"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "private"},
	{netip.MustParsePrefix("100::/64"), "reserved"},
	{netip.MustParsePrefix("2001::/23"), "reserved"},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "for documentation"},
	{netip.MustParsePrefix("5f00::/16"), "reserved"},
	{netip.MustParsePrefix("fec0::/10"), "private"},
}

// notPublic says what kind of address it is if it is not a public one.
func notPublic(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	switch {
	case a.IsUnspecified():
		return "unspecified"
	case a.IsLoopback():
		return "loopback"
	case a.IsPrivate():
		return "private"
	case a.IsLinkLocalUnicast():
		return "link-local"
	case a.IsMulticast():
		return "multicast"
	}
	for _, s := range special {
		if s.block.Contains(a) {
			return s.kind
		}
	}
	return ""
}
