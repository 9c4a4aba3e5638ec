package deliver

import (
	"net/http"
	"slices"
	"strings"
)

// hop are the headers that are of one connection, and not passed on. net/http sets
// Content-Length, and waits for no 100.
var hop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"Content-Length", "Expect",
}

// IsEndToEnd reports whether a header may be passed on: it is not of a connection, and
// not Host, of which each target has its own.
func IsEndToEnd(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return name != "Host" && !slices.Contains(hop, name)
}

// EndToEnd returns the headers that are passed on: without those of the connection on
// which they came. Host is not among them, since each target has its own.
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
