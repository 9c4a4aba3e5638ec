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
	"iter"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

// Client is the API as this package uses it. *narada.Client has it.
type Client interface {
	Upload(ctx context.Context, f narada.File) (*narada.Uploaded, error)
	Downloads(ctx context.Context, sessionID string) ([]narada.Download, error)
	OpenDownload(ctx context.Context, sessionID, key string) (io.ReadCloser, error)
}

// Direction is the way that a file goes.
type Direction int

// The directions.
const (
	Up Direction = iota
	Down
)

// Event is what Transfers report: one of the structs below.
type Event interface{ event() }

type (
	// Failed is a call that failed, and is made again. Name is "" for the list of a
	// session's files.
	Failed struct {
		Direction Direction
		Name      string
		Err       error
		In        time.Duration
	}
	// Uploaded is a file that the cloud has.
	Uploaded struct {
		Path string
		Size int64
	}
	// Renamed is a file that is saved under another name than the cloud's.
	Renamed struct{ Name, Safe string }
	// SizeDiffers is a file that was saved, and has another size than the cloud said.
	SizeDiffers struct {
		Name         string
		Size, Listed int64
	}
)

func (Failed) event()      {}
func (Uploaded) event()    {}
func (Renamed) event()     {}
func (SizeDiffers) event() {}

// Meter shows how much of a file has gone.
type Meter interface {
	Restart()
	Add(n int)
	Stop()
}

// Transfers moves files.
type Transfers struct {
	Client Client
	Report func(Event)
	Meter  func(d Direction, name string, size int64) Meter
}

// Error is a file that was not moved.
type Error struct {
	Name string
	Err  error
}

func (e *Error) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Upload sends the files to the cloud and puts their keys into the request that they
// are for. Every error is an *Error with the file's path.
func (t *Transfers) Upload(ctx context.Context, files []*task.Upload) error {
	for _, f := range files {
		uploaded, err := t.upload(ctx, f)
		if err != nil {
			return &Error{f.Path, err}
		}
		f.Done(uploaded)
		t.Report(Uploaded{f.Path, f.Size})
	}
	return nil
}

func (t *Transfers) upload(ctx context.Context, f *task.Upload) (uploaded *narada.Uploaded, err error) {
	meter := t.Meter(Up, f.Path, f.Size)
	defer meter.Stop()
	err = await.Retry(ctx, func(ctx context.Context) error {
		body, err := f.Open()
		if err != nil {
			return err
		}
		defer body.Close()
		meter.Restart()
		uploaded, err = t.Client.Upload(ctx, narada.File{Name: f.Name, MIMEType: f.MIMEType, Size: f.Size, Body: &metered{body, meter}})
		return err
	}, narada.Temporary, t.failed(Up, f.Path))
	return uploaded, err
}

// List lists what was downloaded in a session.
func (t *Transfers) List(ctx context.Context, sessionID string) (list []narada.Download, err error) {
	err = await.Retry(ctx, func(ctx context.Context) (err error) {
		list, err = t.Client.Downloads(ctx, sessionID)
		return err
	}, narada.Temporary, t.failed(Down, ""))
	return list, err
}

// Saved is a download that is in the folder, under that name.
type Saved struct {
	narada.Download
	Name string
}

// Save fetches the files of a session into the folder, and yields each that is there.
// What stands in the way is found before anything is fetched. An error, which is an
// *Error with the name in the folder, is the last.
func (t *Transfers) Save(ctx context.Context, sessionID string, list []narada.Download, folder *Folder, force bool) iter.Seq2[Saved, error] {
	return func(yield func(Saved, error) bool) {
		names := safeNames(list)
		for i, name := range names {
			if err := folder.Check(name, force); err != nil {
				yield(Saved{}, &Error{name, err})
				return
			}
			if name != list[i].Name {
				t.Report(Renamed{list[i].Name, name})
			}
		}
		for i, d := range list {
			if err := t.save(ctx, sessionID, d, folder, names[i], force); err != nil {
				yield(Saved{}, &Error{names[i], err})
				return
			}
			if !yield(Saved{d, names[i]}, nil) {
				return
			}
		}
	}
}

func safeNames(list []narada.Download) []string {
	wanted := make([]string, len(list))
	for i, d := range list {
		wanted[i] = d.Name
	}
	return Names(wanted)
}

func (t *Transfers) save(ctx context.Context, sessionID string, d narada.Download, folder *Folder, name string, force bool) error {
	meter := t.Meter(Down, name, d.Size)
	defer meter.Stop()
	var size int64
	err := await.Retry(ctx, func(ctx context.Context) error {
		body, err := t.Client.OpenDownload(ctx, sessionID, d.Key)
		if err != nil {
			return err
		}
		defer body.Close()
		meter.Restart()
		size, err = folder.Save(name, &metered{body, meter}, force)
		return err
	}, func(err error) bool {
		_, broken := errors.AsType[*ReadError](err)
		return broken || narada.Temporary(err)
	}, t.failed(Down, name))
	if err == nil && size != d.Size {
		t.Report(SizeDiffers{name, size, d.Size})
	}
	return err
}

func (t *Transfers) failed(d Direction, name string) func(error, time.Duration) {
	return func(err error, in time.Duration) { t.Report(Failed{d, name, err, in}) }
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
