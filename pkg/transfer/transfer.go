// Package transfer uploads the files of tasks and downloads those of cloud browser sessions,
// with retries of the whole file.
//
// Names of downloads are not trusted: no file is saved outside its folder or overwrites
// another unless asked to. A file is saved completely or not at all.
//
// The package is private to narada.
package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

// Client is the API as this package uses it. *narada.Client implements it.
type Client interface {
	Upload(ctx context.Context, f narada.File) (*narada.Uploaded, error)
	OpenDownload(ctx context.Context, sessionID, key string) (io.ReadCloser, error)
}

// Meter shows the progress of a transfer.
type Meter interface {
	Restart()
	Add(n int)
	Failed(err error, in time.Duration) // it restarts after that time
}

// Upload uploads the file and puts its key into its request.
func Upload(ctx context.Context, c Client, f *task.Upload, m Meter) error {
	var uploaded *narada.Uploaded
	err := await.Retry(ctx, func(ctx context.Context) error {
		body, err := f.Open()
		if err != nil {
			return err
		}
		defer body.Close()
		m.Restart()
		uploaded, err = c.Upload(ctx, narada.File{Name: f.Name, MIMEType: f.MIMEType, Size: f.Size, Body: &metered{body, m}})
		return err
	}, narada.Temporary, m.Failed)
	if err == nil {
		f.Done(uploaded)
	}
	return err
}

// Download saves a file of a session in the folder under that name and returns its size.
func Download(ctx context.Context, c Client, sessionID, key string, folder *Folder, name string, force bool, m Meter) (size int64, err error) {
	err = await.Retry(ctx, func(ctx context.Context) error {
		body, err := c.OpenDownload(ctx, sessionID, key)
		if err != nil {
			return err
		}
		defer body.Close()
		m.Restart()
		size, err = folder.Save(name, &metered{body, m}, force)
		return err
	}, func(err error) bool {
		_, broken := errors.AsType[*ReadError](err)
		return broken || narada.Temporary(err)
	}, m.Failed)
	return size, err
}

// metered reports the bytes read to a meter.
type metered struct {
	io.Reader
	meter Meter
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.meter.Add(n)
	return n, err
}
