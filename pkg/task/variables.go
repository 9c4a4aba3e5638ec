package task

import (
	"strings"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
)

// attachment applies --attach.
func (s Spec) attachment(p *Plan, _ *secret.Source) error {
	switch len(s.Attach) {
	case 0:
		return nil
	case 1:
		if err := p.attach(anywhere{}, s.Attach[0]); err != nil {
			return inputError("", "--attach: %v", err)
		}
		return nil
	}
	return inputError("upload further files as variables: --var-file NAME=PATH", "--attach: expected one FILE, got %d", len(s.Attach))
}

// variables applies --var, --var-json and --var-file, which override the variables of the
// task file by name.
func (s Spec) variables(p *Plan, source *secret.Source) error {
	given := map[string]bool{}
	set := func(flag string, list []string, value func(text string) (any, error)) error {
		return eachPair(flag, list, given, func(name, text string) error {
			v, err := value(text)
			if err != nil {
				return err
			}
			put(&p.Request.InputVariables, name, v)
			return nil
		})
	}
	if err := set("--var", s.Vars, func(text string) (any, error) { return text, nil }); err != nil {
		return err
	}
	if err := set("--var-json", s.JSONVars, func(text string) (any, error) { return readJSON(text, source) }); err != nil {
		return err
	}
	return set("--var-file", s.FileVars, func(text string) (any, error) { return p.fileVariable(anywhere{}, text) })
}

// context applies --context.
func (s Spec) context(p *Plan, _ *secret.Source) error {
	return eachPair("--context", s.Context, map[string]bool{}, func(name, text string) error {
		put(&p.Request.AdditionalContext, name, text)
		return nil
	})
}

// secretVariables applies --secret-var.
func (s Spec) secretVariables(p *Plan, source *secret.Source) error {
	for _, text := range s.SecretVars {
		if name, ref, ok := strings.Cut(text, "="); !ok || name == "" || strings.Trim(ref, "=") == "" {
			// It may be a secret without a name: do not repeat it.
			return inputError("write it as --secret-var NAME=env:VARIABLE", "--secret-var: expected NAME=REFERENCE")
		}
	}
	return eachPair("--secret-var", s.SecretVars, map[string]bool{}, func(name, ref string) error {
		value, err := source.Resolve("--secret-var "+name, ref)
		if err != nil {
			return err
		}
		put(&p.Request.SecretVariables, name, value.Reveal())
		p.hide(value)
		return nil
	})
}

// eachPair splits NAME=VALUE strings. A duplicate name is an error.
func eachPair(flag string, list []string, given map[string]bool, each func(name, value string) error) error {
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		switch {
		case !ok || name == "":
			return inputError("write it as "+flag+" NAME=VALUE", "%s: expected NAME=VALUE, got %q", flag, text)
		case textfile.Check(text) != nil:
			return inputError("", "%s %.60q: %v", flag, name, textfile.ErrNotText)
		case given[name]:
			return inputError("", "%s: duplicate name %s", flag, name)
		}
		given[name] = true
		if err := each(name, value); err != nil {
			hint := ""
			switch flag {
			case "--var-json":
				hint = "text needs no quotes with --var NAME=TEXT"
			case "--field":
				hint = quoteStrings
			}
			return inputError(hint, "%s %s: %v", flag, name, err)
		}
	}
	return nil
}

// put sets a member of a map that may be nil.
func put[V any](values *map[string]V, name string, value V) {
	if *values == nil {
		*values = map[string]V{}
	}
	(*values)[name] = value
}
