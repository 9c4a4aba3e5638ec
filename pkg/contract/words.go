package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/narada-cli/narada/pkg/deliver"
)

// seen says how a request was answered, and when.
func seen(a deliver.Attempt) string {
	return fmt.Sprintf("%d in %s", a.StatusCode, rounded(a.Duration))
}

// answered says how a request was answered, and with what words.
func (c *Check) answered(a deliver.Attempt) string {
	if text := c.private.clean(a.Answer); text != "" {
		return fmt.Sprintf("%d: %s", a.StatusCode, text)
	}
	return fmt.Sprintf("%d, without a word", a.StatusCode)
}

func rounded(d time.Duration) string {
	return max(d.Round(time.Millisecond), time.Millisecond).String()
}

// oneLine makes a stranger's text fit for a line of a terminal.
func oneLine(text string) string {
	const most = 100
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return strings.TrimSpace(string(runes[:most])) + "…"
	}
	return text
}

// blackout takes what is private out of answers, as an endpoint may repeat what it
// was sent.
type blackout struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest text that is private
}

// Texts of a URL that are shorter than this are taken for words, not for tokens.
const shortestToken = 12

func newBlackout(u *url.URL, secret string, header http.Header) blackout {
	texts := []string{secret, u.RawQuery}
	for name, values := range header {
		if !isProof(name) {
			continue
		}
		for _, value := range values {
			_, token, _ := strings.Cut(value, " ")
			texts = append(texts, value, token)
		}
	}
	for _, path := range []string{u.Path, u.EscapedPath()} {
		if path = strings.Trim(path, "/"); path != "" {
			texts = append(texts, "/"+path)
		}
		for segment := range strings.SplitSeq(path, "/") {
			if len(segment) >= shortestToken {
				texts = append(texts, segment)
			}
		}
	}
	for _, values := range u.Query() {
		texts = append(texts, values...)
	}
	return blackoutOf(texts)
}

// blackoutOf blacks out the texts, and what they are when quoted in JSON, HTML or a
// URL.
func blackoutOf(texts []string) blackout {
	var all []string
	for _, text := range texts {
		for _, form := range append(quoted(text), text, html.EscapeString(text), url.QueryEscape(text), url.PathEscape(text)) {
			if form != "" {
				all = append(all, form)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // the replacer takes the first that fits
	b := blackout{replacer: strings.NewReplacer(pairs(all)...)}
	if len(all) > 0 {
		b.longest = len(all[0])
	}
	return b
}

// quoted is a text as JSON has it, with and without the escapes that are there for HTML.
func quoted(text string) []string {
	list := make([]string, 2)
	for i, escape := range []bool{true, false} {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(escape)
		_ = enc.Encode(text) // a text can always be
		list[i] = strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
	}
	return list
}

func pairs(texts []string) []string {
	var list []string
	for _, text := range texts {
		list = append(list, text, "***")
	}
	return list
}

// clean returns the start of an answer, in one line.
func (b blackout) clean(answer []byte) string {
	const kept = 4 << 10 // by package deliver
	text := b.replacer.Replace(string(answer))
	if len(answer) >= kept {
		// The end may have been cut within a secret.
		text = text[:max(len(text)-b.longest, 0)]
	}
	return oneLine(text)
}
