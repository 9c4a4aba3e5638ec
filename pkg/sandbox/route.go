package sandbox

import (
	"net/http"
	"strings"
)

// basePath is the path of the cloud's API. The root works too, so that a base URL may
// omit it.
const basePath = "/fast/v2"

const (
	dispatchPath      = "/remote-dispatch"
	statusPath        = "/remote-dispatch/responses/" // followed by the request ID
	presignPath       = "/remote-dispatch/generate-file-upload-presigned-post"
	startPath         = "/cloud-browser/create-and-initialize-cloud-browser-session"
	startBarePath     = "/cloud-browser/create-cloud-browser-session"
	stopPath          = "/cloud-browser/stop-cloud-browser-session"
	downloadsPath     = "/cloud-browser/replay/downloads"
	downloadURLPath   = "/cloud-browser/replay/download-url"
	configPath        = "/sdk/config"
	storeUploadPath   = "/storage/uploads"
	storeDownloadPath = "/storage/downloads/" // followed by a token
)

// route is a call that the sandbox supports.
type route struct {
	method string
	serve  func(w http.ResponseWriter, r *http.Request) answer
	count  func(*Stats) // counts the call
	open   bool         // needs no API key: the URL is presigned
	fault  string       // name of its fault in the rules
}

// route returns the call for a path without the base path.
func (c *Server) route(path string) (route, bool) {
	if id, ok := strings.CutPrefix(path, statusPath); ok && isSegment(id) {
		return route{
			method: http.MethodGet, count: func(s *Stats) { s.StatusCalls++ },
			serve: func(http.ResponseWriter, *http.Request) answer { return c.status(id) },
		}, true
	}
	if token, ok := strings.CutPrefix(path, storeDownloadPath); ok && isSegment(token) {
		return route{
			method: http.MethodGet, open: true, fault: faultDownload,
			serve: func(http.ResponseWriter, *http.Request) answer { return c.storedDownload(token) },
		}, true
	}
	found, ok := map[string]route{
		dispatchPath:    {method: http.MethodPost, serve: c.dispatch, count: func(s *Stats) { s.DispatchCalls++ }},
		presignPath:     {method: http.MethodPost, serve: c.presign, fault: faultPresign},
		storeUploadPath: {method: http.MethodPost, serve: c.storeUpload, open: true, fault: faultUpload},
		startPath:       {method: http.MethodPost, serve: c.startSession, fault: faultStart},
		startBarePath:   {method: http.MethodPost, serve: c.startSession, fault: faultStart},
		stopPath:        {method: http.MethodPost, serve: c.stopSession, fault: faultStop},
		downloadsPath:   {method: http.MethodGet, serve: c.downloads},
		downloadURLPath: {method: http.MethodGet, serve: c.downloadURL},
		configPath:      {method: http.MethodGet, serve: c.config},
	}[path]
	return found, ok
}

func isSegment(path string) bool { return path != "" && !strings.Contains(path, "/") }
