// Package transfer sends a task's files to the cloud and fetches what was downloaded in
// a cloud browser session, each as a whole again where that may help.
//
// What is fetched comes from elsewhere, under names that come from elsewhere: no name
// leads out of the folder that it is saved in, nothing is overwritten unasked, and a
// file is there whole or not at all.
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

// Client is the API as this package uses it. *narada.Client has it.
type Client interface {
	Upload(ctx context.Context, f narada.File) (*narada.Uploaded, error)
	OpenDownload(ctx context.Context, sessionID, key string) (io.ReadCloser, error)
}

// Meter shows how much of a file has gone.
type Meter interface {
	Restart()
	Add(n int)
	Failed(err error, in time.Duration) // it begins anew after that time
}

// Upload sends the file to the cloud and puts its key into the request that it is for.
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

// Download saves a file of a session in the folder, under that name, and returns its
// bytes.
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

// metered tells the meter how much was read.
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
