package narada

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// StorageError is an answer of the storage behind a presigned URL that is not a
// success.
type StorageError struct {
	Method, Host string
	StatusCode   int
	Code         string        // as AccessDenied, "" when the answer has none
	Message      string        // in one line, "" when the answer has none
	RetryAfter   time.Duration // 0 when the header is not there
}

// Error gives method, host, status, code and message in one line.
func (e *StorageError) Error() string {
	text := fmt.Sprintf("%s to the storage at %s: %d %s", e.Method, e.Host, e.StatusCode, http.StatusText(e.StatusCode))
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

// Temporary reports whether the same may succeed later, with a presigned URL of
// its own: 408, 429 and 5xx.
func (e *StorageError) Temporary() bool { return temporaryStatus(e.StatusCode) }

// store makes a request with a presigned URL. Its errors leave the URL's query
// out, which has the signature in it.
func (c *Client) store(req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", c.userAgent)
	resp, err := c.storage.Do(req)
	if failure, ok := errors.AsType[*url.Error](err); ok {
		bare := *req.URL
		bare.RawQuery = ""
		return nil, &url.Error{Op: failure.Op, URL: bare.String(), Err: failure.Err}
	}
	if err != nil {
		return nil, err
	}
	// S3 has taken a file when it answers 303, and not yet when it redirects
	// otherwise: the bucket is elsewhere.
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusSeeOther {
		defer resp.Body.Close()
		return nil, storageError(req, resp)
	}
	return resp, nil
}

// storageError reads the storage's error, which is S3's XML.
func storageError(req *http.Request, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	e := &StorageError{
		Method: req.Method, Host: req.URL.Host, StatusCode: resp.StatusCode,
	}
	e.RetryAfter, _ = RetryAfter(resp.Header, time.Now())
	var said struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	if xml.Unmarshal(body, &said) == nil {
		e.Code, e.Message = oneLine(said.Code), oneLine(said.Message)
	}
	if to, err := resp.Location(); err == nil {
		e.Message = "it redirects to " + to.Scheme + "://" + to.Host
	}
	return e
}

// presigned decodes an answer of the API into said, and returns the presigned URL
// that address, a field of said, then has. A URL that would show a file to the network
// is refused; plain http is for an API that is on this machine itself.
func (c *Client) presigned(ctx context.Context, method, path string, body []byte, said any, address *string) (*url.URL, error) {
	answer, err := c.call(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	bare, _, _ := strings.Cut(path, "?")
	odd := func(reason string) error { return &AnswerError{method, bare, http.StatusOK, reason} }
	_ = json.Unmarshal(answer, said) // what is missing is reported below
	u, err := url.Parse(*address)
	if err != nil || u.Host == "" {
		return nil, odd("there is no URL in the answer")
	}
	local := u.Scheme == "http" && IsLoopback(u.Hostname()) && c.base.Scheme == "http"
	if u.Scheme != "https" && !local {
		return nil, odd("the URL in the answer is not an https URL: " + u.Scheme + "://" + u.Host)
	}
	return u, nil
}
