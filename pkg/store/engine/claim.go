package engine

import (
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Members returns the members that a claim adds to the body of a request, "" for none. The
// credentials are masked.
func Members(a store.Address, window string) string {
	r := &narada.Request{BrowserWindowID: window, CallbackURL: a.URL}
	if a.URL != "" {
		r.CallbackSecret = a.Ticket.Secret
		r.CallbackHeaders = map[string]string{}
		for name := range a.Ticket.Header {
			r.CallbackHeaders[name] = a.Ticket.Header.Get(name)
		}
	}
	body, err := r.Masked().MarshalJSON()
	const empty = `{"prompt":""`
	if err != nil || len(body) <= len(empty)+1 {
		return ""
	}
	return string(body[len(empty)+1 : len(body)-1])
}

// WithMembers adds members to a JSON object that is not empty.
func WithMembers(object []byte, members string) []byte {
	if members == "" {
		return object
	}
	return slices.Concat(object[:len(object)-1], []byte(","+members+"}"))
}
