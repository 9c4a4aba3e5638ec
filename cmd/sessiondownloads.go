package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/textfile"
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
		Args: cobra.MatchAll(usage.ExactArgs(1, "one ID"), sessionIDs, func(cmd *cobra.Command, _ []string) error {
			return usage.Requires(cmd.Flags(), "save", "force")
		}),
		RunE: calling(inv, &o.out, func(ctx context.Context, p *printer, c *cloud, args []string) error {
			return runSessionDownloads(ctx, inv, p, c, &o, args[0])
		}),
	}
	cmd.Flags().StringVar(&o.save, "save", "", "fetch the files into `DIR`, and create it if it does not exist")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite existing files")
	o.out.add(cmd)
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "stop after this `DURATION` (default 20m)")
	return cmd
}

func runSessionDownloads(ctx context.Context, inv *invocation, p *printer, c *cloud, o *sessionDownloadsOptions, id string) error {
	list, err := transfer.List(ctx, c.client, id, func(err error, in time.Duration) {
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
		if err := p.Print(d.Raw(), term.OneLine(d.Name)+"\t"+strconv.FormatInt(d.Size, 10)); err != nil {
			return err
		}
	}
	return nil
}

// saveAll fetches the files into the folder, and prints their paths.
func (o *sessionDownloadsOptions) saveAll(ctx context.Context, inv *invocation, p *printer, c *cloud, id string, list []narada.Download) error {
	s := transfer.Saving{Client: c.client, SessionID: id, Dir: o.save, Force: o.force,
		Meter: func(name string, size int64) (transfer.Meter, func()) {
			m := startMeter(inv, "download", name, size)
			return m, m.Stop
		},
		Renamed: func(name, path string) { inv.log.Warn("downloads", fmt.Sprintf("%q is saved as %s", name, path)) },
	}
	for saved, err := range s.Save(ctx, list) {
		if err != nil {
			return notSaved(ctx, err)
		}
		if saved.Bytes != saved.Size {
			inv.log.Warn("download", fmt.Sprintf("%s has %d bytes, but the cloud's list says %d", filepath.Base(saved.Path), saved.Bytes, saved.Size))
		}
		if err := p.Print(saved.Document(), saved.Path); err != nil {
			return err
		}
	}
	return nil
}

// notSaved words why a file was not saved.
func notSaved(ctx context.Context, err error) error {
	file, ok := errors.AsType[*transfer.SaveError](err)
	if !ok { // a *transfer.DirError
		return usage.Errorf("", "--save: %v", err)
	}
	if errors.Is(err, fs.ErrExist) {
		return usage.Errorf("overwrite it with --force", "%s already exists", file.Path)
	}
	err = textfile.Cause(file.Err)
	if errors.Is(err, transfer.ErrFolder) {
		return usage.Errorf("", "%s: %v", file.Path, err)
	}
	e := callError(ctx, file.Path, err)
	if broken, ok := errors.AsType[*transfer.ReadError](err); ok && ctx.Err() == nil {
		e.code, e.text, e.next = codeUnreachable, file.Path+": "+errorText(broken.Err), "run this again, with --force if other files already exist"
	}
	return e
}
