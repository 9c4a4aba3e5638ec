package task

import (
	"cmp"
	"fmt"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
)

// Referenced returns the request of a plan of the template with references in place of its
// secrets: env:NAME or file:PATH. The error is an *InputError if one has none.
func (t *Template) Referenced(p *Plan) (*narada.Request, error) {
	var err error
	r := p.Request.WithSecrets(func(place, value string) string {
		s, ok := p.references[value]
		if !ok {
			s, ok = t.Plan.references[value]
		}
		if !ok {
			err = cmp.Or(err, inputError("use env:NAME or file:PATH", "%s is a secret without a reference, which workers cannot resolve", place))
		}
		return s.Reference()
	})
	return r, err
}

// Resolved returns a request from Referenced with its secrets. secrets are called with each.
func Resolved(r *narada.Request, source *secret.Source, secrets func(...secret.String)) (*narada.Request, error) {
	var err error
	resolved := r.WithSecrets(func(place, ref string) string {
		value, failed := source.Resolve(place, ref)
		if failed != nil {
			err = cmp.Or(err, fmt.Errorf("%s: %w", place, failed))
		}
		secrets(value)
		return value.Reveal()
	})
	return resolved, err
}
