package secret

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
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
	shortest     = 4 // bytes
	shortestLine = 8 // bytes of a line of a secret of several lines

	// In data, which must not be changed unnoticed, a PIN or a word is not masked.
	shortestInData = 8 // bytes

	maxForgotten = 1000 // forgotten secrets that are still masked
	maxEscapes   = 4    // levels of escaping, as of JSON in JSON in a URL
)

// Masker replaces secrets with Mask, in every form in which the program or a server that
// echoes them may write them: plain, without the scheme of a header (Bearer, Basic), in
// base64 of either alphabet, alone or within more, in hexadecimal, and each of these escaped for JSON, Go,
// Python, JavaScript, URLs or HTML up to four times. It does not find a secret that is split
// between two texts. It is safe for concurrent use.
//
// Mask and MaskStart are for messages, MaskJSON and MaskAnswer for data, in which secrets
// shorter than eight bytes are left.
type Masker struct {
	spellings []func(string) string

	mu        sync.RWMutex
	secrets   map[string]*sought
	forms     map[string][]form // of the secrets, by their first four bytes
	starts    [1 << 16]bool     // the first two bytes of forms, some of them no longer
	forgotten []string          // secrets, the oldest first
}

type sought struct {
	count int // calls of Hide without Forget
	forms []form
}

// form is a text that is a secret, or a part of one, as it may be written.
type form struct {
	text string
	data bool // it is masked in data too
}

// scope says what text is searched.
type scope struct {
	cutOff bool // it may end within a secret
	data   bool
}

// NewMasker returns a Masker without secrets. The functions are the changes that the
// program makes to a text before it masks it.
func NewMasker(spellings ...func(string) string) *Masker {
	return &Masker{spellings: spellings, secrets: map[string]*sought{}, forms: map[string][]form{}}
}

// Hide masks the secrets from now on, except those shorter than four bytes.
func (m *Masker) Hide(secrets ...String) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range secrets {
		value := s.Reveal()
		if m.secrets[value] == nil {
			m.secrets[value] = &sought{forms: formsOf(value, m.spellings)}
			for _, f := range m.secrets[value].forms {
				m.forms[f.text[:shortest]] = append(m.forms[f.text[:shortest]], f)
				m.starts[int(f.text[0])<<8|int(f.text[1])] = true
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
		for _, f := range known.forms {
			list := m.forms[f.text[:shortest]]
			i := slices.Index(list, f) // one of them: another secret may have the same form
			if m.forms[f.text[:shortest]] = slices.Delete(list, i, i+1); len(list) == 1 {
				delete(m.forms, f.text[:shortest])
			}
		}
	}
}

// Mask returns a message with each secret replaced by Mask.
func (m *Masker) Mask(text string) string { return m.mask(text, scope{}) }

// half is an escape that is not complete at the end of a text.
var half = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:[\\%]u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|x[0-9a-fA-F]?)?|%(?:u[0-9a-fA-F]{0,3}|[0-9a-fA-F])?|&#?[0-9a-zA-Z]{0,10})?$`)
})

// MaskStart is Mask for the start of a longer text, which may end within a secret.
func (m *Masker) MaskStart(text string) string {
	return m.mask(strings.TrimSuffix(text, half().FindString(text)), scope{cutOff: true})
}

// MaskAnswer is Mask for data that is text, such as the answer of a task.
func (m *Masker) MaskAnswer(text string) string { return m.mask(text, scope{data: true}) }

func (m *Masker) mask(text string, in scope) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for len(m.forms) > 0 && m.within(text, maxEscapes, in, undone{}) {
		found := m.find(text, maxEscapes, in, undone{})
		if len(found) == 0 {
			break
		}
		text = replace(text, found) // the result may again contain a secret
	}
	return text
}

// undone has the texts that were searched, each with the levels of escapes that were left:
// the order in which escapes are undone rarely makes a difference.
type undone map[string]int

// again reports whether text was searched as deep before, and notes it.
func (u undone) again(text string, depth int) bool {
	if before, ok := u[text]; ok && before >= depth {
		return true
	}
	u[text] = depth
	return false
}

// within reports whether find finds something. It is much faster where nothing is.
func (m *Masker) within(text string, depth int, in scope, before undone) bool {
	for i := 0; i+shortest <= len(text); i++ {
		if m.starts[int(text[i])<<8|int(text[i+1])] && m.at(text, i, in) > 0 {
			return true
		}
	}
	for _, mark := range []byte(`\%&`) {
		if depth == 0 || strings.IndexByte(text, mark) < 0 {
			continue
		}
		if plain, _ := undo(text, mark, false); plain != "" && !before.again(plain, depth) && m.within(plain, depth-1, in, before) {
			return true
		}
	}
	return false
}

// at returns the end of the longest form that is in text at i, 0 if there is none.
func (m *Masker) at(text string, i int, in scope) (to int) {
	for _, f := range m.forms[text[i:i+shortest]] {
		switch {
		case in.data && !f.data:
		case strings.HasPrefix(text[i:], f.text):
			to = max(to, i+len(f.text))
		case in.cutOff && strings.HasPrefix(f.text, text[i:]):
			to = len(text)
		}
	}
	return to
}

// span is the part text[from:to].
type span struct{ from, to int }

// find returns where secrets are in text, and in text without depth levels of escapes.
func (m *Masker) find(text string, depth int, in scope, before undone) (found []span) {
	for i := 0; i+shortest <= len(text); i++ {
		if to := m.at(text, i, in); to > 0 {
			found = append(found, span{i, to})
		}
	}
	for _, mark := range []byte(`\%&`) {
		if depth == 0 {
			break
		}
		plain, from := undo(text, mark, true)
		if plain == "" || before.again(plain, depth) {
			continue
		}
		for _, s := range m.find(plain, depth-1, in, before) {
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

// formsOf returns the forms of a secret: plain, its parts, and these in base64, in
// hexadecimal, and changed by spellings. The lines of a secret of several, such as a PEM key, are parts.
func formsOf(value string, spellings []func(string) string) (list []form) {
	forms := map[string]bool{} // whether they are masked in data
	for _, text := range partsOf(value) {
		// With a plus for a space, as in the query of a URL, and in hexadecimal.
		written := []string{text, strings.ReplaceAll(text, " ", "+"), fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)}
		for _, spelling := range spellings {
			written = append(written, spelling(text))
		}
		doc, _ := json.Marshal(text) // a body in base64 may contain it
		for _, body := range slices.Compact([]string{`"` + text + `"`, strconv.Quote(text), string(quoteJSON(text)), string(doc)}) {
			written = append(written, base64Forms(body[1:len(body)-1])...)
		}
		for _, w := range written {
			if len(w) >= shortest {
				forms[w] = forms[w] || min(len(text), len(w)) >= shortestInData
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(forms)) {
		list = append(list, form{text, forms[text]})
	}
	return list
}

// partsOf returns a secret and its parts, except those that are too short to be masked.
func partsOf(value string) []string {
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
	return slices.DeleteFunc(plain, func(text string) bool { return len(text) < shortest })
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
		if done == 0 {
			b.Grow(len(text))
			if offsets {
				from = make([]int, 0, len(text)+1)
			}
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

// simple are the escapes of JSON, Go, Python and JavaScript with one letter.
var simple = map[byte]string{
	'"': `"`, '\'': "'", '\\': `\`, '/': "/", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape returns the character that is escaped at the start of text, and the length of its
// escape, 0 if there is none.
func unescape(text string) (char string, length int) {
	switch {
	case text[0] == '&':
		if end := strings.IndexByte(text[:min(len(text), 12)], ';'); end > 0 {
			if char = html.UnescapeString(text[:end+1]); char != text[:end+1] {
				return char, end + 1
			}
		}
	case len(text) == 1:
	case text[1] == 'u': // after % too, as JavaScript's escape writes it
		return unescapeUnicode(text)
	case text[0] == '%':
		if code, ok := hexadecimal(text, 1, 2); ok {
			return string([]byte{byte(code)}), 3
		}
	case text[1] == 'x':
		return unescapeBytes(text)
	case text[1] == 'U':
		if code, ok := hexadecimal(text, 2, 8); ok {
			return string(rune(code)), 10
		}
	default:
		if char, ok := simple[text[1]]; ok {
			return char, 2
		}
	}
	return "", 0
}

// unescapeUnicode is unescape for \u00e4 or %u00e4, and for the two halves of a character
// beyond the first 65,536.
func unescapeUnicode(text string) (char string, length int) {
	code, ok := hexadecimal(text, 2, 4)
	if !ok {
		return "", 0
	}
	if low, ok := hexadecimal(text, 8, 4); ok && text[6:8] == text[:2] {
		if r := utf16.DecodeRune(rune(code), rune(low)); r != utf8.RuneError {
			return string(r), 12
		}
	}
	return string(rune(code)), 6 // half a character is U+FFFD
}

// unescapeBytes is unescape for \xe4, a character, and \xc3\xa4, the bytes of one.
func unescapeBytes(text string) (char string, length int) {
	var encoded []byte
	for at := 0; len(encoded) < utf8.UTFMax && strings.HasPrefix(text[at:], `\x`); at += 4 {
		code, ok := hexadecimal(text, at+2, 2)
		if !ok {
			break
		}
		encoded = append(encoded, byte(code))
	}
	r, size := utf8.DecodeRune(encoded)
	switch {
	case size == 0:
		return "", 0
	case r == utf8.RuneError:
		r, size = rune(encoded[0]), 1
	}
	return string(r), 4 * size
}

// hexadecimal returns the number of that many digits in text.
func hexadecimal(text string, from, digits int) (uint64, bool) {
	if len(text) < from+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[from:from+digits], 16, 32)
	return n, err == nil && !strings.ContainsAny(text[from:from+digits], "_+")
}
