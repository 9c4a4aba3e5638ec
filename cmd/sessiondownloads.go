package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/transfer"
)

type sessionDownloadsOptions struct {
	out   outputFlags
	save  string
	force bool
}

func newSessionDownloads(inv *invocation) *cobra.Command {
	var o sessionDownloadsOptions
	cmd := &cobra.Command{
		Use:   "downloads ID",
		Short: "List what was downloaded in a session, or fetch it",
		Long: `downloads lists the files that were downloaded in a cloud browser session: name
and size in bytes, with a tab between them; with -o json an object a line.

With --save it fetches them into a folder and prints their paths. Names are made
safe: none leads out of the folder. Nothing is overwritten without --force, and a
file is there whole or not at all.`,
		Example: `  narada session downloads "$session"
  narada session downloads --save reports "$session"`,
		Args: sessionIDs(0),
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error {
			if o.force && o.save == "" {
				return usageError("add --save DIR", "--force is for files that are saved")
			}
			return runSessionDownloads(cmd.Context(), inv, &o, args[0])
		}),
	}
	cmd.Flags().StringVar(&o.save, "save", "", "fetch the files into `folder`, which is made where it is not there")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite files")
	o.out.add(cmd)
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "most `time` for all (default 20m)")
	return cmd
}

func runSessionDownloads(ctx context.Context, inv *invocation, o *sessionDownloadsOptions, id string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	c, err := inv.cloud()
	if err != nil {
		return err
	}
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout))
	defer cancel()
	var list []narada.Download
	err = await.Retry(ctx, func(ctx context.Context) (err error) {
		list, err = c.client.Downloads(ctx, id)
		return err
	}, narada.Temporary, func(err error, in time.Duration) {
		sayAgain(inv, "downloads", "the files could not be listed", err, in)
	})
	if err != nil {
		return callFailed(ctx, inv, id, err)
	}
	if len(list) == 0 {
		inv.log.Info("downloads", "nothing was downloaded in "+id, sessionField(id))
	}
	if o.save != "" {
		return o.saveAll(ctx, inv, p, c, id, list)
	}
	for _, d := range list {
		if p.json {
			err = p.JSON(d.Raw())
		} else {
			err = p.Text(term.OneLine(d.Name) + "\t" + strconv.FormatInt(d.Size, 10))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// saveAll fetches the files into the folder. What stands in the way is found before
// anything is fetched.
func (o *sessionDownloadsOptions) saveAll(ctx context.Context, inv *invocation, p *printer, c *cloud, id string, list []narada.Download) error {
	folder, err := transfer.OpenFolder(o.save)
	if err != nil {
		return usageError("", "--save: %v", err)
	}
	defer folder.Close()
	names := transfer.Names(list)
	for i, name := range names {
		path := filepath.Join(o.save, name)
		if err := folder.Check(name, o.force); err != nil {
			return inTheWay(path, err)
		}
		if name != list[i].Name {
			inv.log.Warn("downloads", fmt.Sprintf("the cloud calls a file %q, which is saved as %s", list[i].Name, path))
		}
	}
	for i, d := range list {
		path := filepath.Join(o.save, names[i])
		m := startMeter(inv, "download", names[i], d.Size)
		size, err := transfer.Download(ctx, c.client, id, d.Key, folder, names[i], o.force, m)
		m.Stop()
		switch {
		case err != nil:
			return notSaved(ctx, inv, path, err)
		case size != d.Size:
			inv.log.Warn("download", fmt.Sprintf("%s has %d bytes, and the cloud's list says %d", names[i], size, d.Size))
		}
		if p.json {
			err = p.JSON(withPath(d.Raw(), path))
		} else {
			err = p.Text(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inTheWay words why a file cannot have its name.
func inTheWay(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return usageError("--force overwrites it", "%s is there already", path)
	}
	return usageError("", "%s: %v", path, plainPathError(err))
}

// plainPathError leaves the path out, which is said already.
func plainPathError(err error) error {
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		return failure.Err
	}
	return err
}

// notSaved words why a file was not saved.
func notSaved(ctx context.Context, inv *invocation, path string, err error) error {
	if errors.Is(err, fs.ErrExist) || errors.Is(err, transfer.ErrFolder) {
		return inTheWay(path, err)
	}
	if broken, ok := errors.AsType[*transfer.ReadError](err); ok && ctx.Err() == nil {
		return &exitError{code: codeUnreachable, text: path + ": " + explain(broken.Err), next: "run this again, with --force if other files are there already", err: err}
	}
	return callFailed(ctx, inv, path, err)
}

// withPath adds where a file was saved to what the cloud says of it.
func withPath(doc json.RawMessage, path string) json.RawMessage {
	quoted, err := json.Marshal(path)
	if err != nil {
		return doc
	}
	head := bytes.TrimRight(bytes.TrimSuffix(bytes.TrimSpace(doc), []byte("}")), " \t\r\n")
	return append(append(append(bytes.Clone(head), `,"path":`...), quoted...), '}')
}
