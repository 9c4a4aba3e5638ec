package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/transfer"
	"github.com/narada-cli/narada/pkg/units"
)

// upload sends the plan's files to the cloud and puts their keys into the request.
func upload(ctx context.Context, inv *invocation, c *cloud, plan *task.Plan) error {
	for _, u := range plan.Uploads {
		m := startMeter(inv, "upload", u.Path, u.Size)
		err := transfer.Upload(ctx, c.client, u, m)
		m.Stop()
		if err != nil {
			return notUploaded(ctx, u, err)
		}
		inv.log.Info("uploaded", fmt.Sprintf("%s was uploaded (%s)", u.Path, units.Size(u.Size)), slog.Any("path", u.Path))
	}
	return nil
}

func notUploaded(ctx context.Context, u *task.Upload, err error) error {
	if isInput(err) {
		return err
	}
	e := callError(ctx, "upload of "+u.Path, err)
	switch {
	case errors.Is(err, narada.ErrFileChanged):
		e.code, e.text = codeUsage, u.Path+": "+narada.ErrFileChanged.Error()+": nothing was dispatched"
	case ctx.Err() != nil:
		e.text += ": nothing was dispatched"
	case e.code == codeUnreachable:
		e.next = "nothing was dispatched: it is safe to run this again"
	}
	return e
}

// meter shows the progress of an upload or a download.
type meter struct {
	*term.Progress
	inv         *invocation
	event, name string
}

func startMeter(inv *invocation, event, name string, size int64) *meter {
	return &meter{inv.log.Progress(event+"ing", event+"ing "+name, size), inv, event, name}
}

// Failed implements transfer.Meter.
func (m *meter) Failed(err error, in time.Duration) {
	logRetry(m.inv, m.event, "the "+m.event+" of "+m.name+" failed", err, in)
}
