package deliver

import (
	"net/http"
	"slices"
	"strings"
)

// hop are the headers of a single connection, which are not forwarded. net/http sets
// Content-Length, and does not wait for status 100.
var hop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"Content-Length", "Expect",
}

// IsEndToEnd reports whether a header may be forwarded: it is not one of a connection, and
// not Host, since each target has its own.
func IsEndToEnd(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return name != "Host" && !slices.Contains(hop, name)
}

// EndToEnd returns the headers to forward: those for which IsEndToEnd is true and that
// Connection does not name.
func EndToEnd(header http.Header) http.Header {
	h := header.Clone()
	for _, list := range header.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for name := range h {
		if !IsEndToEnd(name) {
			delete(h, name)
		}
	}
	if len(h.Values("User-Agent")) == 0 {
		h["User-Agent"] = []string{""} // else net/http adds its own
	}
	return h
}
