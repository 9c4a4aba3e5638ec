package contract

import "context"

// Test describes one test.
type Test struct {
	Name     string // kebab-case and stable
	About    string // what it checks, in one line
	Requests int    // number of requests to the endpoint
}

// Tests returns the tests in the order of a check.
func Tests() []Test {
	list := make([]Test, len(tests))
	for i, t := range tests {
		list[i] = t.Test
	}
	return list
}

// Requests returns the number of requests of all tests.
func Requests() (n int) {
	for _, t := range tests {
		n += t.Requests
	}
	return n
}

// test is a Test with its function.
type test struct {
	Test
	needs  need
	unless string // the test whose failure makes this one redundant
	run    func(*Check, context.Context, test) Finding
	advice string // if it fails
}

// need is the condition for a test. Each includes the previous ones, except that
// callbacks may be sent over plain http where that is allowed.
type need int

const (
	nothing    need = iota
	encryption      // the URL is https
	confidence      // the endpoint may get secrets
	acceptance      // it accepts the sample success
)

var tests = [...]test{
	{Test{"https", "the URL is https", 0}, nothing, "", (*Check).https,
		"Serve the endpoint by https: the cloud sends callbacks to https URLs only."},
	{Test{"name", "the host name is in DNS", 0}, nothing, "", (*Check).name,
		"Add the host to DNS, or correct the URL."},
	{Test{"public-address", "all addresses of the host are public", 0}, nothing, "", (*Check).publicAddress,
		"Give the host public addresses only, or open a tunnel to it."},
	{Test{"connects", "a connection can be made", 0}, nothing, "", (*Check).connects,
		"Check that the endpoint is running and that no firewall blocks its port."},
	{Test{"tls-version", "the endpoint supports TLS 1.2 or newer", 0}, encryption, "", (*Check).tlsVersion,
		"Enable TLS 1.2 and 1.3 on this port."},
	{Test{"certificate-host", "the certificate is for the URL's host", 0}, encryption, "", (*Check).certificateHost,
		"Get a certificate for this host, or use the host that it is for."},
	{Test{"certificate-dates", "the certificate is valid for 14 more days", 0}, encryption, "", (*Check).certificateDates,
		"Renew the certificate."},
	{Test{"certificate-chain", "the intermediate certificates are sent", 0}, encryption, "", (*Check).certificateChain,
		"Send the intermediate certificates too (fullchain.pem)."},
	{Test{"certificate-trusted", "the certificate is from a known authority", 0}, encryption, "certificate-chain", (*Check).certificateTrusted,
		"Use a certificate of a public authority, such as Let's Encrypt."},

	{Test{"proof", "the right header and secret are accepted", 1}, confidence, "", (*Check).proof,
		"Compare the header and secret with the configuration of the endpoint."},
	{Test{"redirect", "the answer is no redirect", 1}, confidence, "", (*Check).redirect,
		"Use the target of the redirect as callbackUrl: callbacks do not follow redirects."},
	{Test{"success", "the documented callback of a task that succeeded gets 200", 1}, confidence, "", documented("success"),
		"Answer 200 to a callback whose status is success."},
	{Test{"error", "the documented callback of a task that failed gets 200", 1}, confidence, "", documented("error"),
		"Answer 200 to a callback whose status is error: the delivery succeeded."},
	{Test{"input-required", "the documented callback of a task that needs human input gets 200", 1}, confidence, "", documented("input-required"),
		"Answer 200 to a callback whose status is input-required."},
	{Test{"structured", "the documented callback with structured output gets 200", 1}, confidence, "", documented("structured"),
		"Answer 200 to a callback that has response.structuredOutput."},
	{Test{"speed", "the slowest of these four answers took at most a second", 0}, confidence, "", (*Check).speed,
		"Answer first, then process the callback."},

	{Test{"wrong-secret", "a callback with a wrong secret is refused", 1}, acceptance, "", (*Check).wrongSecret,
		"Compare the member secret of the body with callbackSecret; answer 401 if it differs."},
	{Test{"missing-secret", "a callback whose secret is null or missing is refused", 2}, acceptance, "wrong-secret", (*Check).missingSecret,
		"Answer 401 to a callback whose secret is null or missing."},
	{Test{"wrong-header", "a callback with a wrong header is refused", 1}, acceptance, "", changedHeader("a callback with a wrong header", (*Check).wrongValue),
		"Compare the header with that of callbackHeaders; answer 401 if it differs."},
	{Test{"missing-header", "a callback without the header is refused", 1}, acceptance, "wrong-header", changedHeader("a callback without the header", nil),
		"Answer 401 to a callback without the header of callbackHeaders."},
	{Test{"get", "GET is refused", 1}, confidence, "", (*Check).get,
		"Answer 405 to all methods except POST."},
	{Test{"broken-json", "a truncated body is refused", 1}, acceptance, "", (*Check).brokenJSON,
		"Answer 400 to a body that is not JSON."},

	{Test{"null-window", "a callback whose browserWindowId is null gets 200", 1}, acceptance, "", accepts(changed(nullWindow)),
		"Accept null as browserWindowId."},
	{Test{"null-usage", "a callback whose usage is null gets 200", 1}, acceptance, "", accepts(changed(nullUsage)),
		"Accept null as usage."},
	{Test{"unknown-fields", "a callback with unknown members gets 200", 1}, acceptance, "", accepts((*Check).unknownFields),
		"Ignore unknown members: the cloud may add some."},
	{Test{"unicode", "a text in many scripts gets 200, as characters and as escapes", 2}, acceptance, "", accepts((*Check).unicode),
		"Accept all of Unicode in response.text, including characters of four bytes."},
	{Test{"text-1mib", "a text of 1 MiB gets 200", 1}, acceptance, "", accepts(changed(textOf(1 << 20))),
		"Raise the limit on the size of a body to 32 MiB, also in proxies."},
	{Test{"text-8mib", "a text of 8 MiB gets 200", 1}, acceptance, "text-1mib", accepts(changed(textOf(8 << 20))),
		"Raise the limit on the size of a body to 32 MiB, also in proxies."},
	{Test{"repeated", "the same callback gets 200 twice", 2}, acceptance, "", accepts((*Check).repeated),
		"Answer 200 to a repeated callback, and do not process it again."},
	{Test{"parallel", "ten concurrent callbacks get 200", inParallel}, acceptance, "", (*Check).parallel,
		"Answer 200 to concurrent callbacks."},
	{Test{"keep-alive", "a connection can be used twice", 2}, acceptance, "", (*Check).keepAlive,
		"Keep connections open after an answer, to save a handshake for each callback."},
}
