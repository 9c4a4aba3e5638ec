package secret

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// words are those of the API: names of members, statuses and types. A string that is one of
// them has its meaning, whatever a secret is.
var words = []string{
	"requestId", "status", "secret", "response", "output", "type", "text", "structured", "content", "structuredOutput",
	"pending", "success", "error", "input-required", "browserWindowId", "createdAt", "completedAt",
	"usage", "actions", "credits", "hitlInputMetadata", "inputId", "action", "name", "prompt_message", "message",
	"session_id", "browser_window_id", "downloaded_files", "file_name", "size", "presigned_url", "fields",
	"packages", "min_required_version", "detail", "body",
}

// MaskJSON is MaskAnswer for a JSON document, which stays one: each string in it, names
// included, is masked as the text that it stands for, and a number that is a secret becomes
// a string. A string that is a word of the API, such as completedAt, stays. Every other byte
// is unchanged; doc itself is returned if there is no secret in it. Text that is not JSON is
// masked as text.
func (m *Masker) MaskJSON(doc []byte) []byte { return m.maskJSON(doc, scope{data: true}) }

// MaskHTTP masks the body of an HTTP answer with that status: data, or from 400 on a
// message, of which only a part may be kept.
func (m *Masker) MaskHTTP(statusCode int, body []byte) []byte {
	return m.maskJSON(body, scope{data: statusCode < 400})
}

func (m *Masker) maskJSON(doc []byte, in scope) []byte {
	if !m.mayReveal(string(doc), in) {
		return doc
	}
	if !json.Valid(doc) {
		return []byte(m.mask(string(doc), in))
	}
	var masked bytes.Buffer
	done := 0
	for at := 0; at < len(doc); {
		end := tokenEnd(doc, at)
		if token, changed := m.maskToken(doc[at:end], in); changed {
			masked.Write(doc[done:at])
			masked.Write(token)
			done = end
		}
		at = end
	}
	if done == 0 {
		return doc
	}
	masked.Write(doc[done:])
	return masked.Bytes()
}

// mayReveal reports whether text has a secret that is masked, or one escape deeper than in
// text that is no JSON.
func (m *Masker) mayReveal(text string, in scope) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.forms) > 0 && m.within(text, maxEscapes+1, in, undone{})
}

// maskToken masks a token of a JSON document.
func (m *Masker) maskToken(token []byte, in scope) (masked []byte, changed bool) {
	text := string(token)
	if token[0] == '"' {
		if json.Unmarshal(token, &text) != nil || slices.Contains(words, text) {
			return nil, false // an error cannot be: the document is valid
		}
	}
	hidden := m.mask(text, in)
	if hidden == text || token[0] != '"' && hidden != Mask {
		return nil, false
	}
	return quoteJSON(hidden), true
}

// quoteJSON returns text as a JSON string without escapes for HTML.
func quoteJSON(text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can be encoded
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// tokenEnd returns the end of the token at at: a string, a number or a word, or any other
// byte.
func tokenEnd(doc []byte, at int) int {
	end := at + 1
	if doc[at] == '"' {
		for ; doc[end] != '"'; end++ {
			if doc[end] == '\\' {
				end++
			}
		}
		return end + 1
	}
	const more = "+-.0123456789eEabcdefghijklmnopqrstuvwxyz"
	for strings.IndexByte(more, doc[at]) >= 0 && end < len(doc) && strings.IndexByte(more, doc[end]) >= 0 {
		end++
	}
	return end
}
