package contract

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
)

// seen says how a request was answered, and when.
func seen(a deliver.Attempt) string {
	return fmt.Sprintf("%d in %s", a.StatusCode, rounded(a.Duration))
}

// answered says how a request was answered, and with what words.
func (c *Check) answered(a deliver.Attempt) string {
	mask := c.private.Mask
	if a.CutOff() {
		mask = c.private.MaskStart
	}
	if text := oneLine(mask(string(a.Answer))); text != "" {
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

// Texts of a URL that are shorter than this are taken for words, not for tokens.
const shortestToken = 12

// newMasker returns what takes the private parts out of answers, as an endpoint may
// repeat what it was sent: the credentials, the query and what may be a token in the
// path.
func newMasker(u *url.URL, c secret.Credentials) *secret.Masker {
	m := secret.NewMasker()
	m.Hide(c.Secrets()...)
	texts := []string{u.RawQuery}
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
	for _, text := range texts {
		m.Hide(secret.New(text))
	}
	return m
}
