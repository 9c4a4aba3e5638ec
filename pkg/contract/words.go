package contract

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
)

// seen returns the status and duration of an answer.
func seen(a deliver.Attempt) string {
	return fmt.Sprintf("%d in %s", a.StatusCode, rounded(a.Duration))
}

// answered returns the status and text of an answer.
func (c *Check) answered(a deliver.Attempt) string {
	mask := c.private.Mask
	if a.CutOff() {
		mask = c.private.MaskStart
	}
	if text := oneLine(mask(string(a.Answer))); text != "" {
		return fmt.Sprintf("%d: %s", a.StatusCode, text)
	}
	return fmt.Sprintf("%d without a body", a.StatusCode)
}

func rounded(d time.Duration) string {
	return max(d.Round(time.Millisecond), time.Millisecond).String()
}

// oneLine returns up to 100 columns of text from outside, without control characters.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, text)
	return output.Cut(strings.Join(strings.Fields(text), " "), 100)
}

// newMasker returns a masker for answers, which may repeat the request: it masks the
// credentials, the query, and tokens in the path.
func newMasker(u *url.URL, c secret.Credentials) *secret.Masker {
	m := secret.NewMasker()
	m.Hide(c.Secrets()...)
	texts := []string{u.RawQuery}
	for _, path := range []string{u.Path, u.EscapedPath()} {
		if path = strings.Trim(path, "/"); path != "" {
			texts = append(texts, "/"+path)
		}
		for segment := range strings.SplitSeq(path, "/") {
			if len(segment) >= 12 { // a shorter one is no token
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
