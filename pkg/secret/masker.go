package secret

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// A shorter value is not masked: replacing every "a" would make the text unreadable
	// and reveal the secret.
	shortest     = 4    // bytes
	shortestLine = 8    // bytes of a line of a secret of several lines
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
	starts    [1 << 16]bool       // the first two bytes of forms, some of them no longer
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
				m.starts[int(form[0])<<8|int(form[1])] = true
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
	for len(m.forms) > 0 && m.within(text, maxEscapes, cutOff) {
		found := m.find(text, maxEscapes, cutOff)
		if len(found) == 0 {
			break
		}
		text = replace(text, found) // the result may again contain a secret
	}
	return text
}

// within reports whether find finds something. It is much faster where nothing is.
func (m *Masker) within(text string, depth int, cutOff bool) bool {
	for i := 0; i+shortest <= len(text); i++ {
		if m.starts[int(text[i])<<8|int(text[i+1])] && m.at(text, i, cutOff) > 0 {
			return true
		}
	}
	for _, mark := range []byte(`\%&`) {
		if plain, _ := undo(text, mark, false); depth > 0 && plain != "" && m.within(plain, depth-1, cutOff) {
			return true
		}
	}
	return false
}

// at returns the end of the longest form that is in text at i, 0 if there is none.
func (m *Masker) at(text string, i int, cutOff bool) (to int) {
	for _, form := range m.forms[text[i:i+shortest]] {
		switch {
		case strings.HasPrefix(text[i:], form):
			to = max(to, i+len(form))
		case cutOff && strings.HasPrefix(form, text[i:]):
			to = len(text)
		}
	}
	return to
}

// span is the part text[from:to].
type span struct{ from, to int }

// find returns where secrets are in text, and in text without depth levels of escapes.
func (m *Masker) find(text string, depth int, cutOff bool) (found []span) {
	for i := 0; i+shortest <= len(text); i++ {
		if to := m.at(text, i, cutOff); to > 0 {
			found = append(found, span{i, to})
		}
	}
	for _, mark := range []byte(`\%&`) {
		plain, from := undo(text, mark, true)
		if plain == "" || depth == 0 {
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
// by spellings. The lines of a secret of several, such as a PEM key, are parts.
func formsOf(value string, spellings []func(string) string) (forms []string) {
	plain := []string{value}
	for line := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line != value && len(line) >= shortestLine && !strings.HasPrefix(line, "-----") {
			plain = append(plain, line)
		}
	}
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

// undo removes one level of the escapes that begin with mark; plain is "" if there is none.
// With offsets, from has the offset in text of each byte of plain, and of its end.
func undo(text string, mark byte, offsets bool) (plain string, from []int) {
	var b strings.Builder
	done := 0
	write := func(part string, at, step int) {
		b.WriteString(part)
		for i := 0; offsets && i < len(part); i++ {
			from = append(from, at+i*step)
		}
	}
	for at := 0; ; {
		next := strings.IndexByte(text[at:], mark)
		if next < 0 {
			break
		}
		at += next
		char, length := unescape(text[at:])
		if length == 0 {
			at++
			continue
		}
		write(text[done:at], done, 1)
		write(char, at, 0)
		at += length
		done = at
	}
	if done == 0 {
		return "", nil
	}
	write(text[done:], done, 1)
	return b.String(), append(from, len(text))
}

// simple are the escapes of JSON with one letter.
var simple = map[byte]string{'"': `"`, '\\': `\`, '/': "/", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t"}

// unescape returns the character that is escaped for JSON, a URL or HTML at the start of text,
// and the length of its escape, 0 if there is none.
func unescape(text string) (char string, length int) {
	switch {
	case text[0] == '%':
		if code, ok := hexadecimal(text, 1, 2); ok {
			return string([]byte{byte(code)}), 3
		}
	case text[0] == '&':
		if end := strings.IndexByte(text[:min(len(text), 10)], ';'); end > 0 {
			if char = html.UnescapeString(text[:end+1]); char != text[:end+1] {
				return char, end + 1
			}
		}
	case len(text) > 1 && text[1] != 'u':
		if char, ok := simple[text[1]]; ok {
			return char, 2
		}
	default:
		return unescapeUnicode(text)
	}
	return "", 0
}

// unescapeUnicode is unescape for \u00e4, and for the two halves of a character beyond the
// first 65,536.
func unescapeUnicode(text string) (char string, length int) {
	code, ok := hexadecimal(text, 2, 4)
	if !ok {
		return "", 0
	}
	if low, ok := hexadecimal(text, 8, 4); ok && text[6:8] == `\u` {
		if r := utf16.DecodeRune(rune(code), rune(low)); r != utf8.RuneError {
			return string(r), 12
		}
	}
	return string(rune(code)), 6 // half a character is U+FFFD
}

// hexadecimal returns the number of that many digits in text.
func hexadecimal(text string, from, digits int) (uint64, bool) {
	if len(text) < from+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[from:from+digits], 16, 32)
	return n, err == nil && !strings.ContainsAny(text[from:from+digits], "_+")
}
