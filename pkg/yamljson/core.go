package yamljson

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/narada"
)

// The tags of the core schema of YAML 1.2, section 10.3. The library resolves values as YAML
// 1.1 does, in which 02134 is 1116, 1_000 a number, and 12:30:00 a time.
const (
	tagNull   = "!!null"
	tagBool   = "!!bool"
	tagInt    = "!!int"
	tagFloat  = "!!float"
	tagString = "!!str"
)

// numbers are the forms of numbers in the core schema.
type numbers struct{ decimal, based, notFinite *regexp.Regexp }

var forms = sync.OnceValue(func() numbers {
	return numbers{
		decimal:   regexp.MustCompile(`^([-+]?)(\d*)(\.\d*)?([eE][-+]?\d+)?$`),
		based:     regexp.MustCompile(`^(0o[0-7]+|0x[0-9a-fA-F]+)$`),
		notFinite: regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.nan|\.NaN|\.NAN)$`),
	}
})

// coreTag returns the tag of an unquoted value without a tag of its own.
func coreTag(text string) string {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return tagNull
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return tagBool
	}
	if !strings.ContainsAny(text, ".0123456789") { // most texts
		return tagString
	}
	f := forms()
	decimal := f.decimal.FindStringSubmatch(text)
	switch {
	case f.based.MatchString(text):
		return tagInt
	case f.notFinite.MatchString(text):
		return tagFloat
	case decimal == nil, decimal[2] == "" && len(decimal[3]) < 2: // no digit
		return tagString
	case decimal[3] == "" && decimal[4] == "":
		return tagInt
	}
	return tagFloat
}

// resolve sets the tags of the core schema in a tree. A number that JSON cannot have as it is
// written, such as 02134, has the tag of a string: where a string is expected it is one.
func resolve(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Style&quoted == 0 {
		tag := coreTag(n.Value)
		switch {
		case n.Style&yaml.TaggedStyle == 0:
			if n.Tag = tag; ambiguous(n) != nil {
				n.Tag = tagString
			}
		case n.ShortTag() != tagString && n.ShortTag() != tag && !(n.ShortTag() == tagFloat && tag == tagInt):
			return fmt.Errorf("line %d: %s is not a value of the tag %s", n.Line, n.Value, n.ShortTag())
		}
	}
	for _, child := range n.Content {
		if err := resolve(child); err != nil {
			return err
		}
	}
	return nil
}

// quoted are the styles of a value that is a string whatever its text is.
const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// ambiguous returns an error for an unquoted number that would lose a character that somebody
// wrote: a leading zero of a postal code, the plus sign of a telephone number.
func ambiguous(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Style&(quoted|yaml.TaggedStyle) != 0 {
		return nil
	}
	if tag := coreTag(n.Value); tag != tagInt && tag != tagFloat {
		return nil
	}
	digits := strings.TrimLeft(n.Value, "-+")
	zero := len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
	if !zero && n.Value[0] != '+' {
		return nil
	}
	what := "a number with a leading zero"
	if !zero {
		what = "a number with a plus sign"
	}
	return fmt.Errorf("line %d: %s is %s: quote it (%q) to send it as it is", n.Line, n.Value, what, n.Value)
}

// encodeScalar returns a scalar as JSON. A decimal number keeps its digits.
func encodeScalar(n *yaml.Node) (json.RawMessage, error) {
	if err := ambiguous(n); err != nil {
		return nil, err
	}
	switch n.ShortTag() {
	case tagNull:
		return json.RawMessage("null"), nil
	case tagBool:
		return json.RawMessage(strings.ToLower(n.Value)), nil
	case tagInt, tagFloat:
		number, ok := encodeNumber(n.Value)
		if !ok {
			return nil, fmt.Errorf("line %d: %s cannot be written as JSON", n.Line, n.Value)
		}
		return number, nil
	}
	return narada.EncodeJSON(n.Value)
}

// encodeNumber returns a number of the core schema as JSON, which has no hexadecimal and
// octal numbers, no 5. and no .5. Infinity and NaN have no form in JSON.
func encodeNumber(text string) (json.RawMessage, bool) {
	if forms().based.MatchString(text) {
		n, ok := new(big.Int).SetString(text, 0)
		return json.RawMessage(n.String()), ok
	}
	decimal := forms().decimal.FindStringSubmatch(text)
	if decimal == nil {
		return nil, false
	}
	sign, whole, fraction, exponent := strings.TrimPrefix(decimal[1], "+"), decimal[2], decimal[3], decimal[4]
	if whole == "" {
		whole = "0"
	}
	if fraction == "." {
		fraction = ".0"
	}
	number := json.RawMessage(sign + whole + fraction + exponent)
	return number, json.Valid(number)
}
