package ui

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// newToken returns a random text that is safe in a URL.
func newToken() string { return rand.Text() }

// guard lets only browsers in that know the token, and only pages of its own address. Other
// programs and other pages of the browser can reach the port, too; a page can have a name
// of its own point to it.
type guard struct {
	hosts  map[string]bool
	token  string
	codes  *codes
	cookie string // its name has the port, since cookies are for all ports of a host
	next   http.Handler
}

func newGuard(addr net.Addr, token string, c *codes, next http.Handler) *guard {
	_, port, _ := net.SplitHostPort(addr.String())
	g := &guard{hosts: map[string]bool{}, token: token, codes: c, cookie: "narada_" + port, next: next}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
		g.hosts[host+":"+port] = true
	}
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		g.hosts[net.JoinHostPort(host, port)] = true
	}
	return g
}

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	switch {
	case !g.hosts[r.Host]:
		http.Error(w, "This page is at another address.", http.StatusMisdirectedRequest)
	case !g.sameOrigin(r):
		http.Error(w, "Other pages may not ask for this one.", http.StatusForbidden)
	case !g.knows(r) && !g.codes.redeem(r.URL.Query().Get("token")):
		http.Error(w, "Open the URL that narada printed: it has the token.", http.StatusUnauthorized)
	default:
		if r.URL.Query().Has("token") {
			http.SetCookie(w, &http.Cookie{Name: g.cookie, Value: g.proof(), Path: "/", MaxAge: 400 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		}
		g.next.ServeHTTP(w, r)
	}
}

// sameOrigin reports whether the request does not come from a page of another origin. A
// link on another page may lead here; without the cookie, which is strict, it needs the
// token.
func (g *guard) sameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" || u.Host != r.Host {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// knows reports whether the request has the token.
func (g *guard) knows(r *http.Request) bool {
	known := subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("token")), []byte(g.token)) == 1
	for _, cookie := range r.CookiesNamed(g.cookie) {
		known = known || subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(g.proof())) == 1
	}
	return known
}

// proof is the value of the cookie. Browsers send a cookie to every server of the host, so
// that it must not be the token.
func (g *guard) proof() string {
	h := hmac.New(sha256.New, []byte(g.token))
	h.Write([]byte(g.cookie)) // does not fail
	return hex.EncodeToString(h.Sum(nil))
}

// codes are tokens that are good once, within a minute: the arguments of a browser's process are no secret.
type codes struct {
	mu   sync.Mutex
	good map[string]time.Time // until when
}

func (c *codes) add() (code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	code = newToken()
	c.good[code] = time.Now().Add(time.Minute)
	return code
}

func (c *codes) redeem(code string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := c.good[code]
	delete(c.good, code)
	return time.Now().Before(until)
}

// serveStatic serves the script and the style.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	content, err := files.ReadFile(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", map[bool]string{true: "text/css; charset=utf-8", false: "text/javascript; charset=utf-8"}[strings.HasSuffix(name, ".css")])
	_, _ = w.Write(content) // the browser may be gone
}
