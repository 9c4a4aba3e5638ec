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

// SessionRequest says what a cloud browser session is to be. Its zero value is a
// session without a name and with the cloud's own timeout.
type SessionRequest struct {
	Name    string
	Timeout time.Duration // after which the cloud ends it, in whole seconds; 0: as the cloud has it
}

// Session is a cloud browser session that runs. It costs until it is stopped or
// its timeout has passed.
type Session struct {
	ID              string
	BrowserWindowID string // "" where the cloud names none

	raw json.RawMessage
}

// Raw returns the session as the cloud described it.
func (s *Session) Raw() json.RawMessage { return s.raw }

// SessionStatus is how a session ended.
type SessionStatus string

// The statuses that a session can be stopped with.
const (
	SessionComplete   SessionStatus = "complete"
	SessionTerminated SessionStatus = "terminated"
	SessionFailed     SessionStatus = "failed"
	SessionTimedOut   SessionStatus = "timed_out"
)

// StartSession starts a cloud browser session, which can take three minutes. It
// makes one attempt. Every failure is a *SessionError, which says whether a
// session may have been started.
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
	doc, err := encode(body)
	if err != nil {
		return nil, &SessionError{Err: err}
	}
	const path = "/cloud-browser/create-and-initialize-cloud-browser-session"
	answer, maybe, err := c.callOnce(ctx, path, doc)
	if err != nil {
		return nil, &SessionError{Maybe: maybe, Err: err}
	}
	var said struct {
		ID       string `json:"session_id"`
		WindowID string `json:"browser_window_id"`
	}
	if json.Unmarshal(answer, &said) != nil || said.ID == "" {
		return nil, &SessionError{Maybe: true, Err: &AnswerError{http.MethodPost, path, http.StatusOK, "there is no session_id in the answer"}}
	}
	return &Session{ID: said.ID, BrowserWindowID: said.WindowID, raw: answer}, nil
}

// ErrNotStopped is wrapped by the error of a StopSession that the cloud answered
// with a no: there is no such session, or it has ended already.
var ErrNotStopped = errors.New("the cloud did not stop the session")

// StopSession ends a session. Stopping one that has ended is an error that wraps
// ErrNotStopped.
func (c *Client) StopSession(ctx context.Context, id string, status SessionStatus) error {
	if err := CheckSessionID(id); err != nil {
		return err
	}
	body, err := encode(struct {
		ID     string        `json:"session_id"`
		Status SessionStatus `json:"status"`
	}{id, status})
	if err != nil {
		return err
	}
	const path = "/cloud-browser/stop-cloud-browser-session"
	answer, err := c.call(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	var said struct {
		Success *bool  `json:"success"`
		Message string `json:"message"`
	}
	switch {
	case json.Unmarshal(answer, &said) != nil || said.Success == nil:
		return &AnswerError{http.MethodPost, path, http.StatusOK, "it does not say whether the session was stopped"}
	case *said.Success:
		return nil
	case said.Message == "":
		return ErrNotStopped
	}
	return fmt.Errorf("%w: %s", ErrNotStopped, oneLine(said.Message))
}

// CheckSessionID reports why id cannot be a session ID.
func CheckSessionID(id string) error { return checkID(id, "a session ID", "") }

// Download is a file that was downloaded in a session's browser.
type Download struct {
	Key  string // what DownloadURL asks for it by
	Name string // as the cloud has it: not safe as the name of a file on the disk
	Size int64  // bytes

	raw json.RawMessage
}

// Raw returns the file as the cloud described it.
func (d *Download) Raw() json.RawMessage { return d.raw }

const downloadsPath = "/cloud-browser/replay/downloads"

// Downloads lists what was downloaded in a session; nil when nothing was.
func (c *Client) Downloads(ctx context.Context, sessionID string) ([]Download, error) {
	if err := CheckSessionID(sessionID); err != nil {
		return nil, err
	}
	answer, err := c.call(ctx, http.MethodGet, downloadsPath+"?"+url.Values{"session_id": {sessionID}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var said struct {
		Files []json.RawMessage `json:"downloaded_files"`
	}
	odd := func(reason string) error {
		return &AnswerError{http.MethodGet, downloadsPath, http.StatusOK, reason}
	}
	if json.Unmarshal(answer, &said) != nil {
		return nil, odd("the answer is not a list of files")
	}
	var list []Download
	for _, raw := range said.Files {
		var file struct {
			Key  string  `json:"key"`
			Name string  `json:"file_name"`
			Size float64 `json:"size"`
		}
		if json.Unmarshal(raw, &file) != nil || file.Key == "" {
			return nil, odd("a file in the answer has no key")
		}
		list = append(list, Download{Key: file.Key, Name: file.Name, Size: int64(file.Size), raw: raw})
	}
	return list, nil
}

// DownloadURL returns a presigned URL at which a file of a session can be had for
// a while, by anyone who has the URL.
func (c *Client) DownloadURL(ctx context.Context, sessionID, key string) (*url.URL, error) {
	if err := CheckSessionID(sessionID); err != nil {
		return nil, err
	}
	path := "/cloud-browser/replay/download-url?" + url.Values{"session_id": {sessionID}, "key": {key}}.Encode()
	var said struct {
		URL string `json:"presigned_url"`
	}
	return c.presigned(ctx, http.MethodGet, path, nil, &said, &said.URL)
}

// OpenDownload starts the download of a file of a session, without the API key.
// The caller reads the body and closes it; a body that ends before its length is
// an error of its Read. Errors are as those of Upload.
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
