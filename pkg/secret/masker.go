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
	// A shorter value is not looked for in text: replacing every "a" would make the text
	// unreadable and tell the secret.
	shortest     = 4    // bytes
	maxForgotten = 1000 // secrets that were forgotten and are still masked
	maxEscapes   = 4    // within one another that are undone: JSON in JSON in a URL
)

// Masker replaces secrets by Mask, in every form in which the program, or a server
// that repeats what it was shown, may write them: as they are, without the scheme of a
// header (Bearer, Basic), in base64 of either alphabet, alone or within more, and all
// of these as JSON, URLs and HTML escape them, up to four times over. A secret whose
// parts are in two texts is not found. It is safe for several goroutines at once.
type Masker struct {
	spellings []func(string) string

	mu        sync.RWMutex
	secrets   map[string]*sought
	forms     map[string][]string // of the secrets, by their first four bytes
	forgotten []string            // secrets, the oldest first
}

type sought struct {
	count int // how often it is to be hidden
	forms []string
}

// NewMasker returns a Masker that knows no secrets. The functions are those by which
// the program itself changes texts before the Masker has them.
func NewMasker(spellings ...func(string) string) *Masker {
	return &Masker{spellings: spellings, secrets: map[string]*sought{}, forms: map[string][]string{}}
}

// Hide has the Masker look for the secrets from now on, but for those that are shorter
// than four bytes.
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

// Forget takes one Hide of each back. What is said next may still be about them: they
// are masked until a thousand others have been forgotten after them.
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

// Mask returns text with Mask in the place of each secret. It is no longer than text.
func (m *Masker) Mask(text string) string { return m.mask(text, false) }

// MaskStart is Mask for the start of a longer text, which may have been cut off within
// a secret.
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
		text = replace(text, found) // it is shorter, and may be a secret with the mask in it
	}
	return text
}

// span is a part of a text: from its first byte to the one after its last.
type span struct{ from, to int }

// find returns where secrets are in text, and in what it is without its escapes, so
// many within one another.
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
			for from[to] == from[s.to-1] { // the rest of what an escape is for
				to++
			}
			found = append(found, span{from[s.from], from[to]})
		}
	}
	return found
}

// replace returns text with Mask in the place of the spans; those that overlap or
// touch are one.
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

// formsOf returns what to look for: the secret, what is in it, and these in base64 and
// by the spellings.
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
		doc, _ := json.Marshal(text) // as a body in base64 has it, and below without the escapes for HTML
		for _, body := range slices.Compact([]string{`"` + text + `"`, strconv.Quote(text), string(doc)}) {
			forms = append(forms, base64Forms(body[1:len(body)-1])...)
		}
	}
	slices.Sort(forms)
	return slices.DeleteFunc(slices.Compact(forms), func(form string) bool { return len(form) < shortest })
}

// withoutScheme returns what is behind the scheme of an Authorization header, as of
// "Bearer TOKEN"; the whole value where there is none.
func withoutScheme(value string) string {
	scheme, token, _ := strings.Cut(value, " ")
	letters := strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz") == ""
	if !letters || token == "" || strings.Contains(token, " ") {
		return value
	}
	return token
}

// base64Forms returns what the text is in base64: alone, behind a colon (as a password
// is in an Authorization header), and within a longer text, at each of its three
// places: without the characters at the ends, which have something of others too.
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

// escape is one of a character in JSON, a URL or HTML.
var escape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])|%[0-9a-fA-F]{2}|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);)`)
})

// undo returns text without the escapes that begin with the mark, but not those within
// them, and where in text each byte of that begins, and its end; nil where there is none.
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
		escaped, _ = url.PathUnescape(escaped) // it has the shape
		return escaped
	}
	_ = json.Unmarshal([]byte(`"`+escaped+`"`), &escaped) // and so has this
	return escaped
}
