package schema

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// words says what is wrong.
func (l leaf) words() string {
	switch k := l.kind.(type) {
	case *kind.FalseSchema:
		return "no value is allowed here"
	case *kind.Not:
		return `must not fit the schema in "not"`
	case *kind.OneOf:
		return fmt.Sprintf("fits more than one of the alternatives (numbers %d and %d)", k.Subschemas[0]+1, k.Subschemas[1]+1)
	case *kind.AnyOf:
		return l.noAlternative()
	case *kind.Type:
		want := slices.Compact(slices.Sorted(slices.Values(k.Want)))
		return fmt.Sprintf("must be of type %s, is %s", strings.Join(want, " or "), k.Got)
	case *kind.Const:
		return "must be " + shown(k.Want)
	case *kind.Enum:
		var list []string
		for _, v := range k.Want {
			list = append(list, shown(v))
		}
		return "must be one of " + shortened(strings.Join(list, ", "), 250)
	case *kind.Format:
		if k.Want == "regex" {
			return fmt.Sprintf("the pattern %s: %v", shown(k.Got), k.Err)
		}
		return fmt.Sprintf("%s is not of the format %s", shown(k.Got), k.Want)
	case *kind.Pattern:
		return fmt.Sprintf("%s does not match the pattern %s", shown(k.Got), k.Want)
	}
	if words := l.nestedWords(); words != "" {
		return words
	}
	return boundWords(l.kind)
}

// nestedWords is about members and items.
func (l leaf) nestedWords() string {
	switch k := l.kind.(type) {
	case *kind.Required:
		return fmt.Sprintf("missing property %q", l.name)
	case *kind.Dependency:
		return fmt.Sprintf("missing property %q, which %q asks for", l.name, k.Prop)
	case *kind.DependentRequired:
		return fmt.Sprintf("missing property %q, which %q asks for", l.name, k.Prop)
	case *kind.AdditionalProperties:
		return "this property is not allowed"
	case *kind.Contains:
		return `must have at least 1 item that fits "contains"`
	case *kind.AdditionalItems:
		return fmt.Sprintf("must have %d items fewer", k.Count)
	case *kind.UniqueItems:
		return fmt.Sprintf("the items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	case *kind.PropertyNames: // of a metaschema
		return fmt.Sprintf("the property name %q is not allowed", k.Property)
	case *badName:
		return fmt.Sprintf("property name %q: %s", k.Property, firstOf(l.near[0]).words())
	}
	return ""
}

// bounds words the keywords whose errors have what there is and what there
// should be.
var bounds = map[string]string{
	"minProperties":    "must have at least %s properties, has %s",
	"maxProperties":    "must have at most %s properties, has %s",
	"minItems":         "must have at least %s items, has %s",
	"maxItems":         "must have at most %s items, has %s",
	"minContains":      `must have at least %s items that fit "contains", has %s`,
	"maxContains":      `must have at most %s items that fit "contains", has %s`,
	"minLength":        "must have at least %s characters, has %s",
	"maxLength":        "must have at most %s characters, has %s",
	"minimum":          "must be at least %s, is %s",
	"maximum":          "must be at most %s, is %s",
	"exclusiveMinimum": "must be more than %s, is %s",
	"exclusiveMaximum": "must be less than %s, is %s",
	"multipleOf":       "must be a multiple of %s, is %s",
}

func boundWords(k jsonschema.ErrorKind) string {
	keyword := strings.Join(k.KeywordPath(), "/")
	if format, ok := bounds[keyword]; ok {
		fields := reflect.ValueOf(k).Elem()
		return fmt.Sprintf(format, amount(fields.FieldByName("Want")), amount(fields.FieldByName("Got")))
	}
	return fmt.Sprintf("does not fit %q", keyword)
}

// amount writes a number out exactly, or how many there are in a list.
func amount(field reflect.Value) string {
	switch v := field.Interface().(type) {
	case *big.Rat:
		return decimal(v)
	case []int:
		return fmt.Sprint(len(v))
	}
	return fmt.Sprint(field)
}

// decimal writes a number that came from JSON: its denominator has no prime
// factors but 2 and 5.
func decimal(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

func (l leaf) noAlternative() string {
	const most = 3
	var reasons []string
	for _, list := range l.near[:min(len(l.near), most)] {
		first := firstOf(list)
		reason := first.words()
		if where := pointer(first.at[len(l.at):]); where != "" {
			reason = "at " + where + " " + reason
		}
		reasons = append(reasons, reason)
	}
	return fmt.Sprintf("fits none of the %d alternatives: %s", l.all, strings.Join(reasons, "; or "))
}

// shown is a value as JSON, shortened.
func shown(v any) string { return shortened(encode(v, nil), 80) }

// shortened has one line of at most so many bytes.
func shortened(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
