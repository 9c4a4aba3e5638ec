package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/usage"
)

type apiOptions struct {
	out    outputFlags
	method string
	path   string
	fields []string
	input  string
}

func newAPI(inv *invocation) *cobra.Command {
	var o apiOptions
	cmd := &cobra.Command{
		Use:   "api METHOD PATH",
		Short: "Make one authenticated call of the API and print its answer",
		Long: `api calls an endpoint of the API that has no command yet, and prints its answer, which
is JSON. PATH is added to the base URL; the API key is sent nowhere else.

A GET or DELETE has the fields as its query, as text. Other methods have them as the
members of a JSON object: numbers, "text" in quotes, lists, objects. --input sends a
whole JSON document.

The call is not repeated. If a call other than a GET may have taken effect, and its
answer was lost, narada exits with 10.`,
		Example: `  narada api GET /sdk/config --jq .packages
  narada api GET /cloud-browser/replay/downloads --field session_id=ID
  narada api POST /extension-actions --input action.json`,
		Args: cobra.MatchAll(usage.ExactArgs(2, "a METHOD and a PATH"), o.check),
		RunE: calling(inv, &o.out, func(ctx context.Context, p *printer, c *cloud, _ []string) error {
			return runAPI(ctx, inv, p, c, &o)
		}),
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.fields, "field", nil, "send a field, of JSON or file:PATH in a body: `NAME=VALUE` (repeatable)")
	f.StringVar(&o.input, "input", "", "send the JSON document in `FILE`, - for stdin")
	f.StringVar(&o.out.jq, "jq", "", "filter the JSON with the jq `EXPR`; strings are printed raw")
	settingFlag(f, "timeout", config.Timeout, "wait at most this `DURATION` for the answer (default 20m)")
	return cmd
}

// apiMethods are the methods that can be called.
var apiMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// check checks the arguments.
func (o *apiOptions) check(cmd *cobra.Command, args []string) error {
	o.method, o.path = strings.ToUpper(args[0]), args[1]
	if !slices.Contains(apiMethods, o.method) {
		return usage.Errorf("narada api GET /sdk/config", "the METHOD %q is not one of %s", args[0], strings.Join(apiMethods, ", "))
	}
	return usage.Exclusive(cmd.Flags(), "field", "input")
}

// inQuery reports whether the fields are the query.
func (o *apiOptions) inQuery() bool {
	return o.method == http.MethodGet || o.method == http.MethodDelete
}

func runAPI(ctx context.Context, inv *invocation, p *printer, c *cloud, o *apiOptions) error {
	path, err := o.fullPath(c)
	if err != nil {
		return err
	}
	body, err := o.body(inv)
	if err != nil {
		return err
	}
	hide := inv.log.Wait("call", "waiting for the answer")
	answer, err := c.client.Call(ctx, o.method, path, body)
	hide()
	if failure, ok := errors.AsType[*narada.CallError](err); ok && failure.Maybe {
		e := callError(ctx, "it is not known whether the call took effect", err)
		e.code, e.next = codeUnknown, "look in the cloud before you run this again"
		return e
	} else if err != nil {
		return callError(ctx, "the call failed", err)
	}
	if answer == nil {
		inv.log.Info("answer", "the answer is empty")
		return nil
	}
	return p.JSON(answer)
}

// fullPath returns the path with the query.
func (o *apiOptions) fullPath(c *cloud) (string, error) {
	path := strings.TrimPrefix(o.path, c.baseURL.String())
	if err := narada.CheckPath(path); err != nil {
		return "", usage.Errorf("the API key is sent only below "+c.baseURL.String(), "PATH: %v", err)
	}
	if !o.inQuery() || len(o.fields) == 0 {
		return path, nil
	}
	query := url.Values{}
	for _, field := range o.fields {
		name, value, ok := strings.Cut(field, "=")
		if !ok || name == "" {
			return "", usage.Errorf("write it as --field NAME=VALUE", "--field: expected NAME=VALUE, got %q", field)
		}
		query.Add(name, value)
	}
	mark := "?"
	if strings.Contains(path, mark) {
		mark = "&"
	}
	return path + mark + query.Encode(), nil
}

// body returns the body, nil for none.
func (o *apiOptions) body(inv *invocation) (json.RawMessage, error) {
	switch {
	case o.input != "":
		return task.LoadJSON("--input", o.input, &inv.source)
	case o.inQuery() || len(o.fields) == 0:
		return nil, nil
	}
	return task.JSONObject("--field", o.fields, &inv.source)
}
