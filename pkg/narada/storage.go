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
	"time"
)

// StorageError is an answer of the file storage behind a presigned URL that is not a
// success.
type StorageError struct {
	Method, Host string
	StatusCode   int
	Code         string        // such as AccessDenied; "" if the answer has none
	Message      string        // on one line; "" if the answer has none
	RetryAfter   time.Duration // from the header, at most 24 hours; 0 if there is none
}

// Error returns method, host, status, code and message on one line.
func (e *StorageError) Error() string {
	text := fmt.Sprintf("%s to the storage at %s: %d %s", e.Method, e.Host, e.StatusCode, http.StatusText(e.StatusCode))
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

// Temporary reports whether a retry with a new presigned URL may succeed: 408, 429
// and 5xx.
func (e *StorageError) Temporary() bool { return temporaryStatus(e.StatusCode) }

// store sends a request to a presigned URL. Its errors omit the URL's query, which
// contains the signature.
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
	// A 303 of S3 means that the file is stored, any other redirect that the bucket is
	// elsewhere.
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusSeeOther {
		defer resp.Body.Close()
		return nil, c.storageError(req, resp)
	}
	return resp, nil
}

// storageError reads the storage's error, which is S3's XML.
func (c *Client) storageError(req *http.Request, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	e := &StorageError{
		Method: req.Method, Host: req.URL.Host, StatusCode: resp.StatusCode,
	}
	e.RetryAfter, _ = RetryAfter(resp.Header, time.Now())
	var said struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	if xml.Unmarshal(c.mask(resp.StatusCode, body), &said) == nil {
		e.Code, e.Message = oneLine(said.Code), oneLine(said.Message)
	}
	if to, err := resp.Location(); err == nil {
		e.Message = "it redirects to " + to.Scheme + "://" + to.Host
	}
	return e
}

// presigned decodes an answer of the API into said, and returns the presigned URL in
// address, a field of said. It must be https, or http on a loopback address if the base
// URL is http too.
func (c *Client) presigned(ctx context.Context, e endpoint, query string, body, said any, address *string) (*url.URL, error) {
	answer, err := c.call(ctx, e, query, body)
	if err != nil {
		return nil, err
	}
	_ = json.Unmarshal(answer, said) // what is missing is reported below
	u, err := url.Parse(*address)
	if err != nil || u.Host == "" {
		return nil, e.odd("the answer has no URL")
	}
	local := u.Scheme == "http" && IsLoopback(u.Hostname()) && c.base.Scheme == "http"
	if u.Scheme != "https" && !local {
		return nil, e.odd("the URL in the answer is not an https URL: " + u.Scheme + "://" + u.Host)
	}
	c.presign(u.String())
	return u, nil
}
