package narada

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// SessionRequest describes a cloud browser session to start. The zero value is valid.
type SessionRequest struct {
	Name    string        // "": none
	Timeout time.Duration // after which the cloud ends it, rounded up to seconds; 0: the cloud's default
}

// Session is a running cloud browser session. It uses credits until it is stopped or
// its timeout is over.
type Session struct {
	ID              string
	BrowserWindowID string // for Request.BrowserWindowID; "" if the API returns none

	raw json.RawMessage
}

// Raw returns the session as the API described it.
func (s *Session) Raw() json.RawMessage { return s.raw }

// SessionStatus is the outcome of a session.
type SessionStatus string

// The statuses with which a session can be stopped.
const (
	SessionComplete   SessionStatus = "complete"
	SessionTerminated SessionStatus = "terminated"
	SessionFailed     SessionStatus = "failed"
	SessionTimedOut   SessionStatus = "timed_out"
)

// StartSession starts a cloud browser session, which can take three minutes. It makes
// one attempt. Every error is a *SessionError, which says whether a session may have
// been started.
func (c *Client) StartSession(ctx context.Context, r SessionRequest) (*Session, error) {
	var body struct {
		Extension bool    `json:"require_extension"`
		Name      *string `json:"session_name"`
		Timeout   *int64  `json:"session_timeout"` // seconds
	}
	if r.Name != "" {
		body.Name = &r.Name
	}
	if r.Timeout > 0 {
		body.Timeout = new(int64((r.Timeout + time.Second - 1) / time.Second))
	}
	start := endpoint{http.MethodPost, "/cloud-browser/create-and-initialize-cloud-browser-session"}
	answer, id, maybe, err := c.create(ctx, start, body, "session_id", CheckSessionID)
	if err != nil {
		return nil, &SessionError{Maybe: maybe, Err: err}
	}
	var said struct {
		WindowID string `json:"browser_window_id"`
	}
	_ = json.Unmarshal(answer, &said) // the session runs, whatever its window is
	return &Session{ID: id, BrowserWindowID: said.WindowID, raw: answer}, nil
}

// ErrNotStopped is the error of StopSession if the API refuses: the session does not
// exist or has already ended.
var ErrNotStopped = errors.New("the cloud did not stop the session")

// StopSession ends a session. If it has already ended, the error wraps ErrNotStopped.
// Stopping is safe to retry.
func (c *Client) StopSession(ctx context.Context, id string, status SessionStatus) error {
	if err := CheckSessionID(id); err != nil {
		return err
	}
	stop := endpoint{http.MethodPost, "/cloud-browser/stop-cloud-browser-session"}
	answer, err := c.call(ctx, stop, "", struct {
		ID     string        `json:"session_id"`
		Status SessionStatus `json:"status"`
	}{id, status})
	if err != nil {
		return err
	}
	var said struct {
		Success *bool  `json:"success"`
		Message string `json:"message"`
	}
	switch {
	case json.Unmarshal(answer, &said) != nil || said.Success == nil:
		return stop.odd("it does not say whether the session was stopped")
	case *said.Success:
		return nil
	case said.Message == "":
		return ErrNotStopped
	}
	return fmt.Errorf("%w: %s", ErrNotStopped, oneLine(said.Message))
}

// CheckSessionID returns an error if id cannot be a session ID: it must be 1 to 256
// visible ASCII characters.
func CheckSessionID(id string) error { return checkID(id, "a session ID", "") }

// Download is a file that was downloaded in a session's browser.
type Download struct {
	Key  string // for DownloadURL and OpenDownload
	Name string // unchanged from the API: not safe as a local file name
	Size int64  // bytes

	raw json.RawMessage
}

// Raw returns the file as the API described it.
func (d *Download) Raw() json.RawMessage { return d.raw }

// Downloads lists the files that were downloaded in a session, nil if there are none.
func (c *Client) Downloads(ctx context.Context, sessionID string) ([]Download, error) {
	if err := CheckSessionID(sessionID); err != nil {
		return nil, err
	}
	e := endpoint{http.MethodGet, "/cloud-browser/replay/downloads"}
	answer, err := c.call(ctx, e, url.Values{"session_id": {sessionID}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var said struct {
		Files []json.RawMessage `json:"downloaded_files"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return nil, e.odd("the answer is not a list of files")
	}
	var list []Download
	for _, raw := range said.Files {
		var file struct {
			Key  string  `json:"key"`
			Name string  `json:"file_name"`
			Size float64 `json:"size"`
		}
		if json.Unmarshal(raw, &file) != nil || file.Key == "" {
			return nil, e.odd("a file in the answer has no key")
		}
		list = append(list, Download{Key: file.Key, Name: file.Name, Size: int64(file.Size), raw: raw})
	}
	return list, nil
}

// DownloadURL returns a presigned URL of a file of a session. For a limited time, anyone
// with the URL can download the file.
func (c *Client) DownloadURL(ctx context.Context, sessionID, key string) (*url.URL, error) {
	if err := CheckSessionID(sessionID); err != nil {
		return nil, err
	}
	e := endpoint{http.MethodGet, "/cloud-browser/replay/download-url"}
	var said struct {
		URL string `json:"presigned_url"`
	}
	return c.presigned(ctx, e, url.Values{"session_id": {sessionID}, "key": {key}}.Encode(), nil, &said, &said.URL)
}

// OpenDownload starts the download of a file of a session. The API key is not sent to
// the storage. The caller must close the body; its Read fails if the body is incomplete.
// An error is an *APIError, *AnswerError, *StorageError or network error.
func (c *Client) OpenDownload(ctx context.Context, sessionID, key string) (io.ReadCloser, error) {
	u, err := c.DownloadURL(ctx, sessionID, key)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.store(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, &StorageError{Method: http.MethodGet, Host: u.Host, StatusCode: resp.StatusCode, Message: "no file in the answer"}
	}
	return resp.Body, nil
}
