package contract

import "context"

// Test describes one of the tests that Run makes.
type Test struct {
	Name     string // kebab-case; it stays as it is
	About    string // what is tried, in a line
	Requests int    // how many requests it sends to the endpoint
}

// Tests returns the tests in the order in which they are made.
func Tests() []Test {
	list := make([]Test, len(tests))
	for i, t := range tests {
		list[i] = t.Test
	}
	return list
}

// Requests is how many requests all tests together send to the endpoint.
func Requests() (n int) {
	for _, t := range tests {
		n += t.Requests
	}
	return n
}

// test is a Test with how it is made.
type test struct {
	Test
	needs  need
	unless string // the test after whose failure this one tells nothing new
	run    func(*Check, context.Context, test) Finding
	advice string // for when it fails
}

// need is what must hold for a test to be made. Each includes those before it, but
// that callbacks may be sent over plain http where that is allowed.
type need int

const (
	nothing    need = iota
	encryption      // the URL is https
	confidence      // the endpoint may be sent what is secret
	acceptance      // it accepts the sample success
)

var tests = [...]test{
	{Test{"https", "the URL is https", 0}, nothing, "", (*Check).https,
		"Serve the endpoint by https, as the cloud sends callbacks to no other."},
	{Test{"name", "the host's name is found in DNS", 0}, nothing, "", (*Check).name,
		"Enter the host in DNS, or correct the URL."},
	{Test{"public-address", "all addresses of the host are public", 0}, nothing, "", (*Check).publicAddress,
		"Give the host a public address only, or open a tunnel to it."},
	{Test{"connects", "a connection can be made", 0}, nothing, "", (*Check).connects,
		"See that the endpoint is running, and that a firewall lets connections to its port through."},
	{Test{"tls-version", "TLS 1.2 or newer is spoken", 0}, encryption, "", (*Check).tlsVersion,
		"Enable TLS 1.2 and 1.3 at this port."},
	{Test{"certificate-host", "the certificate is for the URL's host", 0}, encryption, "", (*Check).certificateHost,
		"Get a certificate for this host, or use the host that it is for."},
	{Test{"certificate-dates", "the certificate is valid now and for 14 days more", 0}, encryption, "", (*Check).certificateDates,
		"Renew the certificate."},
	{Test{"certificate-chain", "the intermediate certificates are sent too", 0}, encryption, "", (*Check).certificateChain,
		"Send the intermediate certificates too (fullchain.pem)."},
	{Test{"certificate-trusted", "the certificate leads to a known authority", 0}, encryption, "certificate-chain", (*Check).certificateTrusted,
		"Use a certificate of a public authority, such as Let's Encrypt."},

	{Test{"proof", "the right header and secret are accepted", 1}, confidence, "", (*Check).proof,
		"Compare the header and the secret with those that the endpoint is set up with."},
	{Test{"redirect", "the answer is no redirect", 1}, confidence, "", (*Check).redirect,
		"Use the address that the redirect leads to as callbackUrl, as callbacks do not follow it."},
	{Test{"success", "the documented callback of a task that succeeded gets 200", 1}, confidence, "", documented("success"),
		"Answer a callback whose status is success with 200."},
	{Test{"error", "the documented callback of a task that failed gets 200", 1}, confidence, "", documented("error"),
		"Answer a callback whose status is error with 200: it was delivered all the same."},
	{Test{"input-required", "the documented callback of a task that asks a person gets 200", 1}, confidence, "", documented("input-required"),
		"Answer a callback whose status is input-required with 200."},
	{Test{"structured", "the documented callback with structured output gets 200", 1}, confidence, "", documented("structured"),
		"Answer a callback that has response.structuredOutput with 200."},
	{Test{"speed", "the slowest of these four answers took a second at most", 0}, confidence, "", (*Check).speed,
		"Answer first, and work on the callback afterwards."},

	{Test{"wrong-secret", "a callback with a wrong secret is refused", 1}, acceptance, "", (*Check).wrongSecret,
		"Compare the member secret of the body with callbackSecret, and answer 401 if it differs."},
	{Test{"missing-secret", "a callback whose secret is null or not there is refused", 2}, acceptance, "wrong-secret", (*Check).missingSecret,
		"Answer 401 to a callback whose secret is null or not there."},
	{Test{"wrong-header", "a callback with a wrong header is refused", 1}, acceptance, "", (*Check).wrongHeader,
		"Compare the header with that of callbackHeaders, and answer 401 if it differs."},
	{Test{"missing-header", "a callback without the header is refused", 1}, acceptance, "wrong-header", (*Check).missingHeader,
		"Answer 401 to a callback without the header of callbackHeaders."},
	{Test{"get", "GET is refused", 1}, confidence, "", (*Check).get,
		"Answer 405 to all methods but POST."},
	{Test{"broken-json", "a body that breaks off is refused", 1}, acceptance, "", (*Check).brokenJSON,
		"Answer 400 to a body that is not JSON."},

	{Test{"null-window", "a callback whose browserWindowId is null gets 200", 1}, acceptance, "", accepts((*Check).nullWindow),
		"Accept null as browserWindowId."},
	{Test{"null-usage", "a callback whose usage is null gets 200", 1}, acceptance, "", accepts((*Check).nullUsage),
		"Accept null as usage."},
	{Test{"unknown-fields", "a callback with members that are new gets 200", 1}, acceptance, "", accepts((*Check).unknownFields),
		"Ignore members that the endpoint does not know, as the cloud may add some."},
	{Test{"unicode", "a text in many scripts gets 200, written out and in escapes", 2}, acceptance, "", accepts((*Check).unicode),
		"Accept all of Unicode in response.text, characters of four bytes too."},
	{Test{"text-1mib", "a text of 1 MiB gets 200", 1}, acceptance, "", accepts((*Check).text1MiB),
		"Raise the limits on the size of a body, in proxies in front too, to 32 MiB."},
	{Test{"text-8mib", "a text of 8 MiB gets 200", 1}, acceptance, "text-1mib", accepts((*Check).text8MiB),
		"Raise the limits on the size of a body, in proxies in front too, to 32 MiB."},
	{Test{"repeated", "the same callback gets 200 twice", 2}, acceptance, "", accepts((*Check).repeated),
		"Answer a callback that has come before with 200, and do nothing more."},
	{Test{"parallel", "ten callbacks at once get 200", inParallel}, acceptance, "", (*Check).parallel,
		"Answer callbacks that come at the same time with 200."},
	{Test{"keep-alive", "a connection can be used twice", 2}, acceptance, "", (*Check).keepAlive,
		"Keep connections open after an answer, which spares a handshake for each callback."},
}
