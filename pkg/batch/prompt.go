package batch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/narada-cli/narada/pkg/spelling"
)

// Prompt is the text/template of the prompts of a table's rows. Its data are the columns.
type Prompt struct {
	t    *template.Template
	text string
}

// promptColumn returns the template that is the column prompt.
func promptColumn() *Prompt { return &Prompt{t: template.Must(newTemplate().Parse("{{.prompt}}"))} }

func newTemplate() *template.Template {
	return template.New("prompt").Option("missingkey=error").Funcs(template.FuncMap{
		"index": func(columns map[string]string, name string) (string, error) {
			value, ok := columns[name]
			if !ok {
				return "", &columnError{name}
			}
			return value, nil
		},
	})
}

// columnError is an unknown column.
type columnError struct{ name string }

func (e *columnError) Error() string { return fmt.Sprintf("unknown column %q", e.name) }

// ParsePrompt parses a template.
func ParsePrompt(text string) (*Prompt, error) {
	t, err := newTemplate().Parse(text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: prompt:"))
	}
	return &Prompt{t, text}, nil
}

// row has a record's values by column.
type row struct {
	header  []string
	columns map[string]string
}

// newRow returns the row of a header. Columns without a name at its end, as spreadsheets write
// them, must be empty.
func newRow(header []string) (*row, error) {
	r := &row{columns: map[string]string{}}
	for len(header) > 0 && strings.TrimSpace(header[len(header)-1]) == "" {
		header = header[:len(header)-1]
	}
	for _, name := range header {
		name = strings.TrimSpace(name)
		if slices.Contains(r.header, name) {
			return nil, fmt.Errorf("duplicate column %q", name)
		}
		r.header = append(r.header, name)
	}
	return r, nil
}

func (r *row) fill(record []string) error {
	for i, value := range record {
		switch {
		case i < len(r.header):
			r.columns[r.header[i]] = value
		case strings.TrimSpace(value) != "":
			return fmt.Errorf("column %d has a value and no name", i+1)
		}
	}
	return nil
}

// execute returns a row's prompt.
func (p *Prompt) execute(r *row) (string, error) {
	var b strings.Builder
	err := p.t.Execute(&b, r.columns)
	if err == nil {
		return b.String(), nil
	}
	missing, ok := errors.AsType[*columnError](err)
	if _, name, found := strings.Cut(err.Error(), "map has no entry for key "); !ok && found {
		missing = &columnError{strings.Trim(name, `"`)}
	}
	if missing != nil {
		return "", r.missing(missing)
	}
	if e, ok := errors.AsType[template.ExecError](err); ok {
		err = errors.Unwrap(e.Err)
		if err == nil {
			err = e.Err
		}
	}
	return "", fmt.Errorf("cannot make the prompt: %w", err)
}

func (r *row) missing(e *columnError) error {
	if near := spelling.Nearest(e.name, r.header); near != "" {
		return fmt.Errorf("%w; did you mean %q?", e, near)
	}
	return fmt.Errorf("%w; the columns are %s", e, strings.Join(r.header, ", "))
}
