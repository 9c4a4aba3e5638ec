package secret

import (
	"bytes"
	"encoding/json"
)

// MaskJSON returns valid JSON with the secrets in its strings, names included, replaced as by
// Mask. A number that is a whole secret becomes the string Mask. Every other byte is unchanged.
func (m *Masker) MaskJSON(doc []byte) []byte {
	var masked []byte
	done := 0 // of doc, up to which masked has it
	replace := func(from, to int, with string) {
		masked, done = append(append(masked, doc[done:from]...), with...), to
	}
	for at := 0; at < len(doc); {
		switch c := doc[at]; {
		case c == '"':
			end := stringEnd(doc, at+1)
			if text := string(doc[at+1 : end]); m.Mask(text) != text {
				replace(at+1, end, m.Mask(text))
			}
			at = end + 1
		case c == '-' || c >= '0' && c <= '9':
			end := len(doc) - len(bytes.TrimLeft(doc[at:], "-+.eE0123456789"))
			if m.Mask(string(doc[at:end])) == Mask {
				replace(at, end, `"`+Mask+`"`)
			}
			at = end
		default:
			at++
		}
	}
	if done == 0 {
		return doc
	}
	if masked = append(masked, doc[done:]...); !json.Valid(masked) { // cannot happen
		return []byte(`"` + Mask + `"`)
	}
	return masked
}

// stringEnd returns the place of the quotation mark that ends the string from at on.
func stringEnd(doc []byte, at int) int {
	for ; at < len(doc) && doc[at] != '"'; at++ {
		if doc[at] == '\\' {
			at++
		}
	}
	return min(at, len(doc))
}
