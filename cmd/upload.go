package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/units"
)

// upload sends the plan's files to the cloud and puts their keys into the
// request. Nothing has been dispatched when it fails.
func (inv *invocation) upload(ctx context.Context, c *cloud, plan *task.Plan) error {
	for _, u := range plan.Uploads {
		uploaded, err := inv.uploadOne(ctx, c.client, u)
		if err != nil {
			return inv.notUploaded(ctx, u, err)
		}
		u.Done(uploaded)
		inv.talk.Info("uploaded", fmt.Sprintf("%s was uploaded (%s)", u.Path, units.Size(u.Size)), slog.Any("path", u.Path))
	}
	return nil
}

// uploadOne uploads a file, as a whole again where that may help.
func (inv *invocation) uploadOne(ctx context.Context, c *narada.Client, u *task.Upload) (uploaded *narada.Uploaded, err error) {
	progress := inv.talk.Progress("uploading", "uploading "+u.Path, u.Size)
	defer progress.Stop()
	err = await.Retry(ctx, func(ctx context.Context) error {
		f, err := u.Open()
		if err != nil {
			return err
		}
		defer f.Close()
		progress.Restart()
		uploaded, err = c.Upload(ctx, narada.File{
			Name: u.Name, MIMEType: u.MIMEType, Size: u.Size, Body: &countingReader{f, progress.Add},
		})
		return err
	}, narada.Temporary, inv.again("upload", "the upload of "+u.Path+" failed"))
	return uploaded, err
}

// again says that a call is made again.
func (inv *invocation) again(event, what string) func(error, time.Duration) {
	return func(err error, in time.Duration) {
		inv.talk.Warn(event, fmt.Sprintf("%s; again in %s: %s", what, in.Round(100*time.Millisecond), explain(err)))
	}
}

// notUploaded words why a file could not be uploaded.
func (inv *invocation) notUploaded(ctx context.Context, u *task.Upload, err error) error {
	if isInput(err) {
		return err
	}
	e := &exitError{code: exitCode(err), text: "upload of " + u.Path + ": " + explain(err), next: hintOf(err), err: err}
	switch {
	case errors.Is(err, narada.ErrFileChanged):
		e.code, e.text = codeUsage, u.Path+": "+narada.ErrFileChanged.Error()+": nothing was dispatched"
	case ctx.Err() != nil:
		e.code, e.text, e.next = codeUnreachable, cause(context.Cause(ctx))+" while "+u.Path+" was uploaded: nothing was dispatched", ""
	case e.code == codeUnreachable:
		e.next = "nothing was dispatched: it is safe to run this again"
	}
	return e
}

// countingReader tells how much was read.
type countingReader struct {
	r    io.Reader
	read func(n int)
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read(n)
	return n, err
}
