package secret

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// A shorter value is not masked: replacing every "a" would make the text unreadable
	// and reveal the secret.
	shortest     = 4    // bytes
	maxForgotten = 1000 // forgotten secrets that are still masked
	maxEscapes   = 4    // levels of escaping, as of JSON in JSON in a URL
)

// Masker replaces secrets with Mask, in every form in which the program or a server that
// echoes them may write them: plain, without the scheme of a header (Bearer, Basic), in
// base64 of either alphabet, alone or within more, and each of these escaped for JSON, URLs
// or HTML up to four times. It does not find a secret that is split between two texts. It is
// safe for concurrent use.
type Masker struct {
	spellings []func(string) string

	mu        sync.RWMutex
	secrets   map[string]*sought
	forms     map[string][]string // of the secrets, by their first four bytes
	forgotten []string            // secrets, the oldest first
}

type sought struct {
	count int // calls of Hide without Forget
	forms []string
}

// NewMasker returns a Masker without secrets. The functions are the changes that the
// program makes to a text before it masks it.
func NewMasker(spellings ...func(string) string) *Masker {
	return &Masker{spellings: spellings, secrets: map[string]*sought{}, forms: map[string][]string{}}
}

// Hide masks the secrets from now on, except those shorter than four bytes.
func (m *Masker) Hide(secrets ...String) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range secrets {
		value := s.Reveal()
		if m.secrets[value] == nil {
			m.secrets[value] = &sought{forms: formsOf(value, m.spellings)}
			for _, form := range m.secrets[value].forms {
				m.forms[form[:shortest]] = append(m.forms[form[:shortest]], form)
			}
		}
		m.secrets[value].count++
	}
}

// Forget undoes one Hide of each secret. Later messages may still contain them, so they are
// masked until a thousand others are forgotten.
func (m *Masker) Forget(secrets ...String) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range secrets {
		if known := m.secrets[s.Reveal()]; known != nil {
			known.count--
			m.forgotten = append(m.forgotten, s.Reveal())
		}
	}
	for ; len(m.forgotten) > maxForgotten; m.forgotten = m.forgotten[1:] {
		known := m.secrets[m.forgotten[0]]
		if known == nil || known.count > 0 {
			continue
		}
		delete(m.secrets, m.forgotten[0])
		for _, form := range known.forms {
			list := m.forms[form[:shortest]]
			i := slices.Index(list, form) // one of them: another secret may have the same form
			if m.forms[form[:shortest]] = slices.Delete(list, i, i+1); len(list) == 1 {
				delete(m.forms, form[:shortest])
			}
		}
	}
}

// Mask returns text with each secret replaced by Mask.
func (m *Masker) Mask(text string) string { return m.mask(text, false) }

// MaskStart is Mask for the start of a longer text, which may end within a secret.
func (m *Masker) MaskStart(text string) string {
	half := regexp.MustCompile(`(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?|%[0-9a-fA-F]?|&#?[0-9a-zA-Z]{0,8})?$`)
	return m.mask(strings.TrimSuffix(text, half.FindString(text)), true)
}

func (m *Masker) mask(text string, cutOff bool) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for len(m.forms) > 0 {
		found := m.find(text, maxEscapes, cutOff)
		if len(found) == 0 {
			break
		}
		text = replace(text, found) // the result may again contain a secret
	}
	return text
}

// span is the part text[from:to].
type span struct{ from, to int }

// find returns where secrets are in text, and in text without depth levels of escapes.
func (m *Masker) find(text string, depth int, cutOff bool) (found []span) {
	for i := 0; i+shortest <= len(text); i++ {
		to := 0
		for _, form := range m.forms[text[i:i+shortest]] {
			switch {
			case strings.HasPrefix(text[i:], form):
				to = max(to, i+len(form))
			case cutOff && strings.HasPrefix(form, text[i:]):
				to = len(text)
			}
		}
		if to > 0 {
			found = append(found, span{i, to})
		}
	}
	for _, mark := range []byte(`\%&`) {
		plain, from := undo(text, mark)
		if from == nil || depth == 0 {
			continue
		}
		for _, s := range m.find(plain, depth-1, cutOff) {
			to := s.to
			for from[to] == from[s.to-1] { // the rest of an escaped character
				to++
			}
			found = append(found, span{from[s.from], from[to]})
		}
	}
	return found
}

// replace replaces the spans with Mask; those that overlap or touch are one.
func replace(text string, spans []span) string {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	done := -1
	for _, s := range spans {
		if s.from > done {
			b.WriteString(text[max(done, 0):s.from] + Mask)
		}
		done = max(done, s.to)
	}
	return b.String() + text[max(done, 0):]
}

// formsOf returns the forms of a secret: plain, its parts, and these in base64 and changed
// by spellings.
func formsOf(value string, spellings []func(string) string) (forms []string) {
	plain := []string{value}
	if token := withoutScheme(value); token != value {
		plain = append(plain, token)
		credentials, err := base64.StdEncoding.DecodeString(token)
		if _, password, ok := strings.Cut(string(credentials), ":"); ok && err == nil { // Basic
			plain = append(plain, string(credentials), password)
		}
	}
	for _, text := range plain {
		if len(text) < shortest {
			continue
		}
		forms = append(forms, text, strings.ReplaceAll(text, " ", "+")) // as the query of a URL has it
		for _, spelling := range spellings {
			forms = append(forms, spelling(text))
		}
		doc, _ := json.Marshal(text) // a body in base64 may contain it
		for _, body := range slices.Compact([]string{`"` + text + `"`, strconv.Quote(text), string(doc)}) {
			forms = append(forms, base64Forms(body[1:len(body)-1])...)
		}
	}
	slices.Sort(forms)
	return slices.DeleteFunc(slices.Compact(forms), func(form string) bool { return len(form) < shortest })
}

// withoutScheme returns TOKEN for "Bearer TOKEN", and a value without a scheme unchanged.
func withoutScheme(value string) string {
	scheme, token, _ := strings.Cut(value, " ")
	letters := strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz") == ""
	if !letters || token == "" || strings.Contains(token, " ") {
		return value
	}
	return token
}

// base64Forms returns the text in base64: alone, after a colon (as a password in an
// Authorization header), and within a longer text at each of three offsets, without the
// characters at the ends, which depend on the rest.
func base64Forms(text string) (forms []string) {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			encoded := encoding.EncodeToString(append(make([]byte, before, before+len(text)), text...))
			forms = append(forms, encoded[(before*8+5)/6:(before+len(text))*8/6])
		}
		for _, whole := range []string{text, ":" + text} {
			encoded := encoding.EncodeToString([]byte(whole))
			forms = append(forms, encoded, strings.TrimRight(encoded, "="))
		}
	}
	return forms
}

// escape matches an escaped character of JSON, a URL or HTML.
var escape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])|%[0-9a-fA-F]{2}|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);)`)
})

// undo removes one level of the escapes that begin with mark. from has the offset in text of
// each byte of plain, and of its end; nil if there is no escape.
func undo(text string, mark byte) (plain string, from []int) {
	if strings.IndexByte(text, mark) < 0 {
		return "", nil
	}
	bytes, from := make([]byte, 0, len(text)), make([]int, 0, len(text)+1)
	for at := 0; at < len(text); {
		part, size := text[at:at+1], 1
		if text[at] == mark {
			if escaped := escape().FindString(text[at:]); escaped != "" {
				part, size = unescape(escaped), len(escaped)
			}
		}
		for i := range len(part) {
			bytes, from = append(bytes, part[i]), append(from, at)
		}
		at += size
	}
	if len(bytes) == len(text) {
		return "", nil
	}
	return string(bytes), append(from, len(text))
}

func unescape(escaped string) string {
	switch escaped[0] {
	case '&':
		return html.UnescapeString(escaped)
	case '%':
		escaped, _ = url.PathUnescape(escaped) // the form is valid
		return escaped
	}
	_ = json.Unmarshal([]byte(`"`+escaped+`"`), &escaped) // likewise
	return escaped
}
