package output

import (
	"bytes"
	"encoding/json"
)

// EncodeJSON writes v as compact JSON without the escapes that are there for HTML:
// a prompt with <b> in it stays as it was typed.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
