package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
)

func TestFindingsHaveNoSecrets(t *testing.T) {
	const query = "key=of-the-query"
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.String())
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %q %s %s", r.URL, r.Header, r.Header, body(r), hookSecret)
	}
	for name, put := range map[string]func(*endpoint){
		"an echo": func(*endpoint) {},
		"an echo of the body": func(e *endpoint) {
			e.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusTeapot)
				_, _ = w.Write(body(r))
			})
		},
		"a redirect":             func(e *endpoint) { e.handler = http.RedirectHandler(path+"/x?"+query, http.StatusFound) },
		"a redirect to a secret": func(e *endpoint) { e.handler = http.RedirectHandler("https://"+token+".example/", http.StatusFound) },
		"no connection":          func(e *endpoint) { e.tls = nil },
		"a broken connection": inFront(func(http.Handler) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint()
			e.handler = http.HandlerFunc(echo)
			e.options.URL += "?" + query
			put(e)
			text := fmt.Sprintf("%+v", e.check(t))
			for _, private := range []string{hookSecret, `s3cr3t`, token, path, "unguessable-path", query, "of-the-query"} {
				if strings.Contains(text, private) {
					t.Errorf("%q is in %s", private, text)
				}
			}
		})
	}
}

func TestATruncatedSecretIsMasked(t *testing.T) {
	c := &Check{private: newMasker(&url.URL{}, secret.NewCredentials(secret.New("secret-of-twenty-one"), nil))}
	answer := strings.Repeat(" ", 4<<10-10) + "secret-of-"
	if got := c.answered(deliver.Attempt{StatusCode: 400, Answer: []byte(answer)}); got != "400: ***" {
		t.Errorf("got %q", got)
	}
	if got := c.answered(deliver.Attempt{StatusCode: 400, Answer: []byte("secret-of-")}); got != "400: secret-of-" {
		t.Errorf("got %q", got)
	}
}

func TestAnswersAreOneLine(t *testing.T) {
	for answer, want := range map[string]string{
		"<h1>\n  Oh\tno\r\n</h1>\n":  "<h1> Oh no </h1>",
		"\x1b[31mred \u202eback\x00": "[31mred back",
		"\xff\xfe":                   "\ufffd\ufffd",
		strings.Repeat("ü", 101):     strings.Repeat("ü", 99) + "…",
		"":                           "",
	} {
		if got := oneLine(answer); got != want {
			t.Errorf("%q becomes %q, want %q", answer, got, want)
		}
	}
}
