package cmd

import (
	"fmt"
	"log/slog"

	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/transfer"
)

// transfers are those of a command. Files are saved in the folder called dir.
func transfers(inv *invocation, c *cloud, dir string) *transfer.Transfers {
	return &transfer.Transfers{
		Client: c.client,
		Report: func(e transfer.Event) { sayTransfer(inv, dir, e) },
		Meter: func(d transfer.Direction, name string, size int64) transfer.Meter {
			if d == transfer.Up {
				return inv.talk.Progress("uploading", "uploading "+name, size)
			}
			return inv.talk.Progress("downloading", "downloading "+name, size)
		},
	}
}

// sayTransfer words an event of a file that is moved.
func sayTransfer(inv *invocation, dir string, event transfer.Event) {
	switch e := event.(type) {
	case transfer.Uploaded:
		inv.talk.Info("uploaded", fmt.Sprintf("%s was uploaded (%s)", e.Path, term.Bytes(e.Size)), slog.Any("path", e.Path))
	case transfer.Failed:
		switch {
		case e.Direction == transfer.Up:
			sayAgain(inv, "upload", "the upload of "+e.Name+" failed", e.Err, e.In)
		case e.Name == "":
			sayAgain(inv, "downloads", "the files could not be listed", e.Err, e.In)
		default:
			sayAgain(inv, "download", "the download of "+e.Name+" failed", e.Err, e.In)
		}
	case transfer.Renamed:
		inv.talk.Warn("downloads", fmt.Sprintf("the cloud calls a file %q, which is saved as %s", e.Name, pathIn(dir, e.Safe)))
	case transfer.SizeDiffers:
		inv.talk.Warn("download", fmt.Sprintf("%s has %d bytes, and the cloud's list says %d", e.Name, e.Size, e.Listed))
	}
}
