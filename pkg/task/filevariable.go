package task

import (
	"bytes"
	"encoding/json"

	"github.com/narada-cli/narada/pkg/narada"
)

// variable plans the uploads in an input variable, valid JSON, and returns its value,
// unchanged except for {file: PATH}.
func (w *written) variable(doc json.RawMessage) (any, error) {
	var value pieces
	var before [3]json.Token // the last tokens
	open, done := 0, 0       // offsets of the last { and of what is not in value yet
	dec := json.NewDecoder(bytes.NewReader(doc))
	for {
		token, err := dec.Token()
		if err != nil { // the end
			return append(value, doc[done:]), nil
		}
		switch path, isText := before[2].(string); {
		case token == json.Delim('{'):
			open = int(dec.InputOffset()) - 1
		case token == json.Delim('}') && before[0] == json.Delim('{') && before[1] == "file" && isText:
			file, err := w.plan.fileVariable(w.disk, path)
			if err != nil {
				return nil, err
			}
			value = append(value, doc[done:open], file)
			done = int(dec.InputOffset())
		}
		before = [3]json.Token{before[1], before[2], token}
	}
}

// pieces is a JSON value in pieces: text, which is not JSON by itself, and values.
type pieces []any

// MarshalJSON implements json.Marshaler.
func (p pieces) MarshalJSON() ([]byte, error) {
	var doc []byte
	for _, piece := range p {
		text, isText := piece.(json.RawMessage)
		if !isText {
			var err error
			if text, err = narada.EncodeJSON(piece); err != nil {
				return nil, err
			}
		}
		doc = append(doc, text...)
	}
	return doc, nil
}
