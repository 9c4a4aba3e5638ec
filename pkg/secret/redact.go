package secret

import (
	"encoding/json"
	"io"
	"net/url"
	"sort"
	"strings"
	"sync"
)

// shortest is the least number of bytes that a value must have to be looked
// for in text: replacing every "a" would make the text unreadable and tell
// what the secret is.
const shortest = 4

// Redactor is a writer that replaces secrets by Mask on their way to W. Each
// Write is looked at by itself, so a message must be written whole. It is safe
// for use by several goroutines at once.
type Redactor struct {
	w io.Writer

	mu     sync.Mutex
	values []string // every spelling of every secret, longest first when sorted
	known  map[string]bool
	sorted bool
}

// NewRedactor returns a Redactor that writes to w.
func NewRedactor(w io.Writer) *Redactor { return &Redactor{w: w} }

// Hide makes the Redactor replace s from now on, also as it is spelt inside a
// JSON string or a URL. A value shorter than four bytes is not looked for.
func (r *Redactor) Hide(secrets ...String) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if len(s.value) < shortest {
			continue
		}
		r.add(s.value)
		if quoted, err := json.Marshal(s.value); err == nil {
			r.add(string(quoted[1 : len(quoted)-1]))
		}
		r.add(url.QueryEscape(s.value))
		r.add(url.PathEscape(s.value))
	}
}

func (r *Redactor) add(value string) {
	if r.known[value] {
		return
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	r.known[value] = true
	r.values, r.sorted = append(r.values, value), false
}

// Redact returns text with every known secret replaced.
func (r *Redactor) Redact(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sorted { // the longer ones first: a shorter one may be a part of them
		sort.Slice(r.values, func(i, j int) bool { return len(r.values[i]) > len(r.values[j]) })
		r.sorted = true
	}
	for _, v := range r.values {
		text = strings.ReplaceAll(text, v, Mask)
	}
	return text
}

// Write writes p, redacted, to the underlying writer. It reports len(p) on
// success, as io.Writer asks, however many bytes went out.
func (r *Redactor) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.w, r.Redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
