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
	"github.com/narada-cli/narada/pkg/usage"
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
		Short: "List or fetch the files downloaded in a session",
		Long: `downloads lists the files that were downloaded in a cloud browser session: name and
size in bytes, separated by a tab. With -o json it prints one object per line.

With --save it fetches them into a folder and prints their paths. It replaces
characters in their names that are not safe. It saves a file as a whole or not at
all, and overwrites files only with --force.`,
		Example: `  narada session downloads "$session"
  narada session downloads --save reports "$session"`,
		Args: cobra.MatchAll(usage.ExactArgs(1, "one ID"), sessionIDs),
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error {
			if o.force && o.save == "" {
				return usage.Errorf("", "--force requires --save")
			}
			return runSessionDownloads(cmd.Context(), inv, &o, args[0])
		}),
	}
	cmd.Flags().StringVar(&o.save, "save", "", "fetch the files into `DIR`, and create it if it does not exist")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite existing files")
	o.out.add(cmd)
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "stop after this `DURATION` (default 20m)")
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
		logRetry(inv, "downloads", "the files could not be listed", err, in)
	})
	if err != nil {
		return callError(ctx, id, err)
	}
	if len(list) == 0 {
		inv.log.Info("downloads", "no downloads in "+id, sessionField(id))
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

// saveAll fetches the files into the folder, after checking all names.
func (o *sessionDownloadsOptions) saveAll(ctx context.Context, inv *invocation, p *printer, c *cloud, id string, list []narada.Download) error {
	folder, err := transfer.OpenFolder(o.save)
	if err != nil {
		return usage.Errorf("", "--save: %v", err)
	}
	defer folder.Close()
	names := transfer.Names(list)
	for i, name := range names {
		path := filepath.Join(o.save, name)
		if err := folder.Check(name, o.force); err != nil {
			return notSaved(ctx, path, err)
		}
		if name != list[i].Name {
			inv.log.Warn("downloads", fmt.Sprintf("%q is saved as %s", list[i].Name, path))
		}
	}
	for i, d := range list {
		path := filepath.Join(o.save, names[i])
		m := startMeter(inv, "download", names[i], d.Size)
		size, err := transfer.Download(ctx, c.client, id, d.Key, folder, names[i], o.force, m)
		m.Stop()
		switch {
		case err != nil:
			return notSaved(ctx, path, err)
		case size != d.Size:
			inv.log.Warn("download", fmt.Sprintf("%s has %d bytes, but the cloud's list says %d", names[i], size, d.Size))
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

// notSaved words why a file was not saved.
func notSaved(ctx context.Context, path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return usage.Errorf("overwrite it with --force", "%s already exists", path)
	}
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		err = failure.Err
	}
	if errors.Is(err, transfer.ErrFolder) {
		return usage.Errorf("", "%s: %v", path, err)
	}
	e := callError(ctx, path, err)
	if broken, ok := errors.AsType[*transfer.ReadError](err); ok && ctx.Err() == nil {
		e.code, e.text, e.next = codeUnreachable, path+": "+errorText(broken.Err), "run this again, with --force if other files already exist"
	}
	return e
}

// withPath adds the path of the saved file to the cloud's object.
func withPath(object json.RawMessage, path string) json.RawMessage {
	quoted, err := json.Marshal(path)
	if err != nil {
		return object
	}
	head := bytes.TrimRight(bytes.TrimSuffix(bytes.TrimSpace(object), []byte("}")), " \t\r\n")
	return append(append(append(bytes.Clone(head), `,"path":`...), quoted...), '}')
}
