package ui

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const testToken = "TOKENTOKENTOKENTOKENTOKENT"

// testProof is the value of the cookie of that name.
func testProof(cookie string) string { return (&guard{token: testToken, cookie: cookie}).proof() }

func TestOnlyABrowserWithTheTokenAtTheRightAddressIsLetIn(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4141}
	g := newGuard(addr, testToken, &codes{good: map[string]time.Time{}}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") }))
	for name, test := range map[string]struct {
		method, path, host string
		header             map[string]string
		want               int
	}{
		"token":                               {"GET", "/tasks?token=" + testToken, "127.0.0.1:4141", nil, 200},
		"token, as localhost":                 {"GET", "/tasks?token=" + testToken, "localhost:4141", nil, 200},
		"token, as ::1":                       {"GET", "/tasks?token=" + testToken, "[::1]:4141", nil, 200},
		"cookie":                              {"GET", "/tasks", "127.0.0.1:4141", map[string]string{"Cookie": "narada_4141=" + testProof("narada_4141")}, 200},
		"cookie after another one":            {"GET", "/tasks", "127.0.0.1:4141", map[string]string{"Cookie": "narada_4141=x; narada_4141=" + testProof("narada_4141")}, 200},
		"nothing":                             {"GET", "/tasks", "127.0.0.1:4141", nil, 401},
		"wrong token":                         {"GET", "/tasks?token=x", "127.0.0.1:4141", nil, 401},
		"empty token":                         {"GET", "/tasks?token=", "127.0.0.1:4141", nil, 401},
		"cookie of another port":              {"GET", "/tasks", "127.0.0.1:4141", map[string]string{"Cookie": "narada_4142=" + testProof("narada_4142")}, 401},
		"cookie with the token":               {"GET", "/tasks", "127.0.0.1:4141", map[string]string{"Cookie": "narada_4141=" + testToken}, 401},
		"cookie with a proof of another port": {"GET", "/tasks", "127.0.0.1:4141", map[string]string{"Cookie": "narada_4141=" + testProof("narada_4142")}, 401},
		"style without token":                 {"GET", "/static/style.css", "127.0.0.1:4141", nil, 401},
		"foreign host":                        {"GET", "/tasks?token=" + testToken, "evil.example:4141", nil, 421},
		"other port":                          {"GET", "/tasks?token=" + testToken, "127.0.0.1:80", nil, 421},
		"no host":                             {"GET", "/tasks?token=" + testToken, "", nil, 421},
		"foreign origin":                      {"POST", "/callbacks/1/replay?token=" + testToken, "127.0.0.1:4141", map[string]string{"Origin": "https://evil.example"}, 403},
		"null origin":                         {"POST", "/callbacks/1/replay?token=" + testToken, "127.0.0.1:4141", map[string]string{"Origin": "null"}, 403},
		"origin of another port":              {"GET", "/stream?token=" + testToken, "127.0.0.1:4141", map[string]string{"Origin": "http://127.0.0.1:4142"}, 403},
		"own origin":                          {"POST", "/x?token=" + testToken, "127.0.0.1:4141", map[string]string{"Origin": "http://127.0.0.1:4141", "Sec-Fetch-Site": "same-origin"}, 200},
		"another page's form":                 {"POST", "/x?token=" + testToken, "127.0.0.1:4141", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403},
		"another page's script":               {"GET", "/tasks?token=" + testToken, "127.0.0.1:4141", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403},
		"another page's frame":                {"GET", "/tasks?token=" + testToken, "127.0.0.1:4141", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403},
		"a link on another page":              {"GET", "/tasks?token=" + testToken, "127.0.0.1:4141", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},
		"a link without token, cookie":        {"GET", "/tasks", "127.0.0.1:4141", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Host = test.host
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != test.want || (w.Body.String() == "in") != (test.want == 200) {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
			cookie := w.Header().Get("Set-Cookie")
			if given := strings.Contains(test.path, "token="+testToken); given && test.want == 200 &&
				(!strings.HasPrefix(cookie, "narada_4141="+testProof("narada_4141")+";") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict")) {
				t.Errorf("cookie %q", cookie)
			} else if test.want != 200 && cookie != "" {
				t.Errorf("a refused request gets the cookie %q", cookie)
			}
		})
	}
}

func TestACodeIsGoodForOneRequest(t *testing.T) {
	s := &Server{o: Options{Token: testToken}, codes: &codes{good: map[string]time.Time{}}}
	url := s.OneTimeURL("http://127.0.0.1:4141/?token=" + testToken)
	if strings.Contains(url, testToken) {
		t.Errorf("%s has the token", url)
	}
	g := newGuard(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4141}, testToken, s.codes, http.NotFoundHandler())
	for _, want := range []int{404, 401} { // let in, and not again
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		if w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
		if has := strings.Contains(w.Header().Get("Set-Cookie"), testProof("narada_4141")); has != (want == 404) {
			t.Errorf("%d: cookie %v", want, has)
		}
	}
}

func TestTheTokenIsKeptForTheUser(t *testing.T) {
	dir := t.TempDir()
	first, err := LoadToken(dir)
	if err != nil || len(first) < 26 {
		t.Fatalf("%q, %v", first, err)
	}
	second, err := LoadToken(dir)
	if err != nil || second != first {
		t.Errorf("%q, then %q, %v", first, second, err)
	}
}

func TestFirstStartsAtOnceHaveOneToken(t *testing.T) {
	for range 50 {
		dir := filepath.Join(t.TempDir(), "state")
		tokens := make([]string, 16)
		var starts sync.WaitGroup
		for i := range tokens {
			starts.Go(func() {
				var err error
				if tokens[i], err = LoadToken(dir); err != nil {
					t.Error(err)
				}
			})
		}
		starts.Wait()
		if kept, err := LoadToken(dir); err != nil || slices.ContainsFunc(tokens, func(token string) bool { return token != kept }) {
			t.Fatalf("kept %q, %v of %q", kept, err, tokens)
		}
	}
}

func TestATokenThatWasNotWrittenWholeIsReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, tokenFile), []byte("ABC"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := LoadToken(dir)
	if err != nil || len(first) < 26 {
		t.Fatalf("%q, %v", first, err)
	}
	if second, err := LoadToken(dir); err != nil || second != first {
		t.Errorf("%q, then %q, %v", first, second, err)
	}
}

func TestOnlyLoopbackAddressesAreServed(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:80"} {
		l, err := Listen(addr)
		if e, ok := err.(*AddressError); !ok || !e.NotLoopback {
			t.Errorf("%q: %v, %v", addr, l, err)
		}
	}
	for _, addr := range []string{"4141", "", "localhost", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:", "127.0.0.1:none"} {
		l, err := Listen(addr)
		if e, ok := err.(*AddressError); !ok || !e.Malformed {
			t.Errorf("%q: %v, %v", addr, l, err)
		}
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(l.Addr().String())
	if e, ok := err.(*AddressError); !ok || !e.InUse {
		t.Errorf("got %v", err)
	}
	near, err := ListenNear(l.Addr().String())
	if err != nil || near.Addr().String() == l.Addr().String() {
		t.Fatalf("%v, %v", near, err)
	}
	_ = near.Close()
}
