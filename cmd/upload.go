package cmd

import (
	"context"
	"errors"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/transfer"
)

// upload sends the plan's files to the cloud and puts their keys into the request.
// Nothing has been dispatched when it fails.
func upload(ctx context.Context, inv *invocation, c *cloud, plan *task.Plan) error {
	err := transfers(inv, c, "").Upload(ctx, plan.Uploads)
	failure, ok := errors.AsType[*transfer.Error](err)
	if !ok {
		return err
	}
	if isInput(failure.Err) {
		return failure.Err
	}
	path, err := failure.Name, failure.Err
	e := &exitError{code: exitCode(err), text: "upload of " + path + ": " + explain(err), next: hintOf(err), err: err}
	switch {
	case errors.Is(err, narada.ErrFileChanged):
		e.code, e.text = codeUsage, path+": "+narada.ErrFileChanged.Error()+": nothing was dispatched"
	case ctx.Err() != nil:
		e.code, e.text, e.next = codeUnreachable, cause(context.Cause(ctx))+" while "+path+" was uploaded: nothing was dispatched", ""
	case e.code == codeUnreachable:
		e.next = "nothing was dispatched: it is safe to run this again"
	}
	return e
}
