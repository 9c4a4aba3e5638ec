package secret

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// address matches a URL that is all of a text, or a word of it.
var address = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:--[\w-]+=)?[A-Za-z][\w+.-]*://(?s:.*)$|[A-Za-z][\w+.-]*://\S*`)
})

// parameter matches the names of query parameters that suggest a secret.
var parameter = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)token|secret|passw|pwd|signature|credential|authorization|key([^a-z]|$)|(^|[^a-z])(sig|code|auth|pass|jwt)([^a-z]|$)`)
})

// InURLs returns the secrets in the URLs of a text, as written and unescaped: the password,
// or a user name without one (but for a database's role), and the values of query parameters whose names suggest a
// secret. A text without a scheme may be that of a proxy, as user:password@host:port.
func InURLs(text string) (found []String) {
	for _, s := range inURLs(text) {
		raw := text[s.from:s.to]
		texts := []string{raw}
		if plain, err := url.PathUnescape(raw); err == nil {
			texts = append(texts, plain)
		}
		if plain, err := url.QueryUnescape(raw); err == nil {
			texts = append(texts, plain)
		}
		slices.Sort(texts)
		for _, text := range slices.Compact(texts) {
			found = append(found, New(text))
		}
	}
	return found
}

// MaskURLs returns text with the secrets in its URLs, of any length, replaced by Mask.
func MaskURLs(text string) string { return replace(text, inURLs(text)) }

func inURLs(text string) (found []span) {
	if !strings.Contains(text, "://") {
		if user, _, ok := strings.Cut(text, "@"); ok && strings.Contains(user, ":") && !strings.ContainsAny(user, " /") {
			return inURL(text, 0, len(text), true)
		}
		return nil
	}
	for _, at := range address().FindAllStringIndex(text, -1) {
		scheme, _, _ := strings.Cut(text[at[0]:], "://")
		isDatabase := strings.HasSuffix(scheme, "postgres") || strings.HasSuffix(scheme, "postgresql")
		found = append(found, inURL(text, at[0]+len(scheme)+3, at[1], !isDatabase)...)
	}
	return found
}

// inURL finds secrets in text[from:to], a URL without its scheme. It need not be valid: the
// error that says so may quote it. user says whether a user name without a password is one.
func inURL(text string, from, to int, user bool) (found []span) {
	rest := text[from:to]
	at := strings.LastIndexByte(rest[:strings.IndexAny(rest+"/", "/?#")], '@')
	if _, err := url.Parse("x://" + rest); at < 0 && err != nil { // a password with a slash
		at = strings.LastIndexByte(rest, '@')
	}
	if at > 0 {
		name, password, _ := strings.Cut(rest[:at], ":")
		if password == "" && user {
			found = append(found, span{from, from + len(name)})
		} else if password != "" {
			found = append(found, span{from + at - len(password), from + at})
		}
	}
	for i := max(at, 0); ; i++ {
		next := strings.IndexAny(rest[i:], "?#&;")
		if next < 0 {
			break
		}
		i += next
		end := i + 1 + strings.IndexAny(rest[i+1:]+"&", "?#&;")
		name, value, _ := strings.Cut(rest[i+1:end], "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if value != "" && parameter().MatchString(name) {
			found = append(found, span{from + end - len(value), from + end})
		}
	}
	return found
}
