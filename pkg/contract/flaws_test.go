package contract

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// flaw is a flaw of an endpoint and its verdicts. All other verdicts are PASS.
type flaw struct {
	test    string
	verdict Verdict
	name    string
	add     func(*endpoint) // adds it
	skipped []string        // the tests that are skipped
}

// inFront wraps the handler that meets the contract.
func inFront(wrap func(http.Handler) http.Handler) func(*endpoint) {
	return func(e *endpoint) { e.handler = wrap(e.handler) }
}

func showing(certificate func() tls.Certificate) func(*endpoint) {
	return func(e *endpoint) { e.tls.Certificates = []tls.Certificate{certificate()} }
}

// after returns the names of the tests after one.
func after(name string) []string { return from(name)[1:] }

// needingSuccess lists the tests that require the sample success to be accepted.
func needingSuccess() []string {
	var list []string
	for _, t := range tests {
		if t.needs == acceptance {
			list = append(list, t.Name)
		}
	}
	return list
}

// validBetween returns certificates with a leaf that is valid from and until that many
// days from now.
func validBetween(from, until int) func() tls.Certificate {
	return func() tls.Certificate {
		template := leaf()
		template.NotBefore, template.NotAfter = now.AddDate(0, 0, from), now.AddDate(0, 0, until)
		return issued(template)
	}
}

func status(r *http.Request) any { return callback(r)["status"] }

func isSample(event string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		response, _ := callback(r)["response"].(map[string]any)
		_, structured := response["structuredOutput"]
		switch event {
		case "structured":
			return structured
		case "success":
			return status(r) == "success" && !structured
		}
		return status(r) == event
	}
}

func flaws() []flaw {
	return slices.Concat(addressFlaws(), tlsFlaws(), acceptanceFlaws(), proofFlaws(), formFlaws())
}

func addressFlaws() []flaw {
	lookup := func(addresses ...string) func(*endpoint) {
		return func(e *endpoint) { e.options.LookupHost = resolving(addresses...) }
	}
	return []flaw{
		{"https", Fail, "plain http", func(e *endpoint) {
			e.tls, e.options.URL = nil, "http://"+host+path
		}, from("tls-version")},
		{"name", Fail, "not in DNS", func(e *endpoint) { e.options.URL = "https://nowhere.invalid" + path }, after("name")},
		{"name", Fail, "without an address", lookup(), after("name")},
		{"public-address", Fail, "private", lookup("10.1.2.3"), nil},
		{"public-address", Fail, "one of two", lookup("93.184.215.14", "fe80::1"), nil},
		{"connects", Fail, "connection refused", func(e *endpoint) {
			e.options.Transport = func() *http.Transport {
				return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
				}}
			}
		}, after("connects")},
	}
}

func tlsFlaws() []flaw {
	unverified := func(others ...string) []string { return append(others, from("proof")...) }
	return []flaw{
		{"tls-version", Fail, "TLS 1.1", func(e *endpoint) {
			e.tls.MinVersion, e.tls.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, after("tls-version")},
		{"tls-version", Fail, "no TLS on the port", func(e *endpoint) { e.tls = nil }, after("tls-version")},
		{"certificate-host", Fail, "for another host", showing(func() tls.Certificate {
			template := leaf()
			template.DNSNames = []string{"other.narada-check.com", "*." + host}
			return issued(template)
		}), unverified()},
		{"certificate-dates", Fail, "expired", showing(validBetween(-90, -1)), unverified()},
		{"certificate-dates", Fail, "not valid yet", showing(validBetween(1, 90)), unverified()},
		{"certificate-dates", Warn, "expires soon", showing(validBetween(-80, 13)), nil},
		{"certificate-chain", Fail, "without its intermediate", showing(func() tls.Certificate {
			a := known()
			return shown(sign(leaf(), &a.intermediate))
		}), unverified("certificate-trusted")},
		{"certificate-chain", Fail, "with the intermediate of another authority", showing(func() tls.Certificate {
			a := known()
			return shown(sign(leaf(), &a.intermediate), a.untrustedIntermediate)
		}), unverified("certificate-trusted")},
		{"certificate-trusted", Fail, "self-signed", showing(func() tls.Certificate { return shown(sign(leaf(), nil)) }), unverified()},
		{"certificate-trusted", Fail, "by a private authority", showing(func() tls.Certificate {
			a := known()
			return shown(sign(leaf(), &a.untrustedIntermediate), a.untrustedIntermediate, a.untrustedRoot)
		}), unverified()},
	}
}

func acceptanceFlaws() []flaw {
	return []flaw{
		{"redirect", Fail, "to a slash", func(e *endpoint) {
			e.handler = http.RedirectHandler(path+"/", http.StatusPermanentRedirect)
		}, after("redirect")},
		{"success", Fail, "refused", inFront(refusing(500, isSample("success"))), needingSuccess()},
		{"success", Warn, "another status, to all callbacks", inFront(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(&noContent{w}, r)
			})
		}), nil},
		{"error", Fail, "refused", inFront(refusing(422, isSample("error"))), nil},
		{"error", Fail, "redirected", inFront(refusing(302, isSample("error"))), nil},
		{"error", Warn, "another status", inFront(refusing(202, isSample("error"))), nil},
		{"input-required", Fail, "refused", inFront(refusing(400, isSample("input-required"))), nil},
		{"input-required", Fail, "connection lost", inFront(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if isSample("input-required")(r) {
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(w, r)
			})
		}), nil},
		{"structured", Fail, "refused", inFront(refusing(500, isSample("structured"))), nil},
		{"speed", Fail, "six seconds for each answer", slow(6 * time.Second), nil},
		{"speed", Warn, "two seconds for each answer", slow(2 * time.Second), nil},
	}
}

// noContent changes 200 to 204.
type noContent struct{ http.ResponseWriter }

func (w *noContent) WriteHeader(status int) {
	if status == http.StatusOK {
		status = http.StatusNoContent
	}
	w.ResponseWriter.WriteHeader(status)
}

// slow delays answers by the clock of the check.
func slow(d time.Duration) func(*endpoint) {
	return func(e *endpoint) { e.handler = changing(func(*http.Request) { e.clock.advance(d) })(e.handler) }
}

func proofFlaws() []flaw {
	right := []string{"Bearer " + token}
	setSecret := func(r *http.Request) {
		if doc, err := narada.ReplaceSecret(body(r), hookSecret); err == nil {
			setBody(r, doc)
		}
	}
	return []flaw{
		{"proof", Fail, "refused", inFront(refusing(401, func(*http.Request) bool { return true })), after("proof")},
		{"proof", Fail, "never answered", inFront(func(http.Handler) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}), after("proof")},
		{"wrong-secret", Fail, "any is accepted", inFront(changing(setSecret)), []string{"missing-secret"}},
		{"wrong-secret", Fail, "an error of the server", inFront(refusing(500, func(r *http.Request) bool {
			given, ok := callback(r)["secret"].(string)
			return ok && given != hookSecret
		})), []string{"missing-secret"}},
		{"missing-secret", Fail, "null is accepted", inFront(changing(func(r *http.Request) {
			if value, ok := callback(r)["secret"]; ok && value == nil {
				setSecret(r)
			}
		})), nil},
		{"missing-secret", Fail, "a missing one is accepted", inFront(changing(func(r *http.Request) {
			if members := callback(r); members != nil && members["secret"] == nil {
				members["secret"] = hookSecret
				doc, _ := json.Marshal(members)
				setBody(r, doc)
			}
		})), nil},
		{"missing-secret", Fail, "a missing one is an error of the server", inFront(refusing(500, func(r *http.Request) bool {
			members := callback(r)
			_, ok := members["secret"]
			return members != nil && !ok
		})), nil},
		{"missing-secret", Warn, "null is a bad request", inFront(refusing(400, func(r *http.Request) bool {
			value, ok := callback(r)["secret"]
			return ok && value == nil
		})), nil},
		{"wrong-header", Fail, "any is accepted", inFront(changing(func(r *http.Request) {
			r.Header["Authorization"] = right
		})), []string{"missing-header"}},
		{"wrong-header", Fail, "any bearer token is accepted", inFront(changing(func(r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
				r.Header["Authorization"] = right
			}
		})), []string{"missing-header"}},
		{"missing-header", Fail, "a missing one is accepted", inFront(changing(func(r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				r.Header["Authorization"] = right
			}
		})), nil},
		{"missing-header", Warn, "not found", inFront(refusing(404, func(r *http.Request) bool {
			return r.Header.Get("Authorization") == ""
		})), nil},
		{"missing-header", Warn, "redirected to a login", inFront(refusing(302, func(r *http.Request) bool {
			return r.Header.Get("Authorization") == ""
		})), nil},
	}
}

func formFlaws() []flaw {
	isGet := func(r *http.Request) bool { return r.Method == http.MethodGet }
	isBroken := func(r *http.Request) bool { doc := body(r); return len(doc) > 0 && !json.Valid(doc) }
	isNull := func(member string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			value, ok := callback(r)[member]
			return ok && value == nil
		}
	}
	return []flaw{
		{"get", Fail, "shows a page", inFront(refusing(200, isGet)), nil},
		{"get", Fail, "an error of the server", inFront(refusing(500, isGet)), nil},
		{"get", Warn, "redirected", inFront(refusing(302, isGet)), nil},
		{"broken-json", Fail, "an error of the server", inFront(refusing(500, isBroken)), nil},
		{"broken-json", Fail, "accepted", inFront(refusing(200, isBroken)), nil},
		{"null-window", Fail, "text required", inFront(refusing(400, isNull("browserWindowId"))), nil},
		{"null-usage", Fail, "object required", inFront(refusing(500, isNull("usage"))), nil},
		{"unknown-fields", Fail, "at the top", inFront(refusing(400, func(r *http.Request) bool { return hasUnknown(body(r), "") })), nil},
		{"unknown-fields", Fail, "in response", inFront(refusing(400, func(r *http.Request) bool { return hasUnknown(body(r), "response") })), nil},
		{"unknown-fields", Fail, "in usage", inFront(refusing(400, func(r *http.Request) bool { return hasUnknown(body(r), "usage") })), nil},
		{"unicode", Fail, "characters of four bytes", inFront(refusing(500, func(r *http.Request) bool {
			return strings.ContainsFunc(string(body(r)), func(r rune) bool { return r > 0xFFFF })
		})), nil},
		{"unicode", Fail, "escaped surrogate pairs", inFront(refusing(500, func(r *http.Request) bool {
			return bytes.Contains(body(r), []byte(`\ud83c`))
		})), nil},
		{"text-1mib", Fail, "limit of half a MiB", func(e *endpoint) { e.handler = genuine(webhook.WithMaxBody(512 << 10)) }, []string{"text-8mib"}},
		{"text-8mib", Fail, "limit of 4 MiB", func(e *endpoint) { e.handler = genuine(webhook.WithMaxBody(4 << 20)) }, nil},
		{"repeated", Fail, "refused as a conflict", inFront(refusing(409, knownAlready())), nil},
		{"parallel", Fail, "concurrent ones are refused", inFront(oneAtATime), nil},
		{"keep-alive", Warn, "a new connection for each request", inFront(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close")
				next.ServeHTTP(w, r)
			})
		}), nil},
	}
}

// hasUnknown reports whether the object in a callback has a member that package
// webhook does not write; "" is the callback itself.
func hasUnknown(doc []byte, object string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(doc, &members) != nil {
		return false
	}
	var into any = &webhook.Response{}
	switch object {
	case "":
		for name := range members {
			if !slices.Contains([]string{"requestId", "secret", "status", "browserWindowId", "response", "createdAt", "completedAt", "usage"}, name) {
				return true
			}
		}
		return false
	case "usage":
		into = &webhook.Usage{}
	}
	decoder := json.NewDecoder(bytes.NewReader(members[object]))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into) != nil
}

// knownAlready reports whether a callback is a repetition.
func knownAlready() func(*http.Request) bool {
	var mu sync.Mutex
	known := map[any]bool{}
	return func(r *http.Request) bool {
		id := callback(r)["requestId"]
		mu.Lock()
		defer mu.Unlock()
		defer func() { known[id] = id != nil }()
		return known[id]
	}
}

// oneAtATime refuses concurrent callbacks. It waits for all ten.
func oneAtATime(next http.Handler) http.Handler {
	var together sync.WaitGroup
	together.Add(inParallel)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Narada-Check") == "parallel" {
			together.Done()
			together.Wait()
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestEachFlawFailsOneTest(t *testing.T) {
	for _, f := range flaws() {
		t.Run(f.test+": "+f.name, func(t *testing.T) {
			e := newEndpoint()
			f.add(e)
			e.skimming = !strings.HasPrefix(f.test, "text-")
			findings := e.check(t)
			want := map[string]Verdict{}
			for _, name := range names() {
				want[name] = Pass
			}
			for _, name := range f.skipped {
				want[name] = Skip
			}
			want[f.test] = f.verdict
			if diff := cmp.Diff(want, verdicts(findings)); diff != "" {
				t.Errorf("%s\n%+v", diff, findings)
			}
			for _, finding := range findings {
				if finding.Detail == "" {
					t.Errorf("%s: no detail", finding.Test)
				}
				if (finding.Verdict == Fail || finding.Verdict == Warn) != (finding.Advice != "") {
					t.Errorf("%s is %s with the advice %q", finding.Test, finding.Verdict, finding.Advice)
				}
			}
		})
	}
}

// Servers answer 501 to a method that they do not know.
func TestAGETMayBeAnsweredAsAnUnknownMethod(t *testing.T) {
	e := newEndpoint()
	inFront(refusing(501, func(r *http.Request) bool { return r.Method == http.MethodGet }))(e)
	e.skimming = true
	if got := verdicts(e.check(t))["get"]; got != Pass {
		t.Errorf("got %s", got)
	}
}

func TestThereIsAFlawForEachTest(t *testing.T) {
	flawed := map[string]bool{}
	for _, f := range flaws() {
		flawed[f.test] = true
	}
	for _, name := range names() {
		if !flawed[name] {
			t.Errorf("no flaw fails %s", name)
		}
	}
}
