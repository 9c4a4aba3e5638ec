package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The limits of sessions.
const (
	maxSessions     = 10_000 // the oldest are removed first
	maxFiles        = 1000   // downloads of one session
	maxSessionHours = 24
)

// session is a cloud browser session.
type session struct {
	id, window string
	name       *string
	ends       time.Time // zero: only when it is stopped
	stopped    bool
	files      []*download
}

// download is a file of a session.
type download struct {
	key, name, content string
	token              string // in its presigned URL, "" before the first request for it
}

// sessions are the started sessions. The server's lock guards them.
type sessions struct {
	byID    map[string]*session
	list    []*session           // oldest first
	byToken map[string]*download // presigned
}

// runs reports whether the session has not ended by now.
func (s *session) runs() bool {
	return !s.stopped && (s.ends.IsZero() || time.Now().Before(s.ends))
}

// startSession answers both calls that start a session.
func (c *Server) startSession(w http.ResponseWriter, r *http.Request) answer {
	var asked struct {
		Name    *string  `json:"session_name"`
		Timeout *float64 `json:"session_timeout"` // seconds
	}
	if refused, ok := readBody(w, r, &asked, object(
		field{"require_extension", false, isBool}, field{"session_name", false, isText}, field{"session_timeout", false, isSeconds},
	)); !ok {
		return refused
	}
	id, err1 := c.uuid()
	window, err2 := c.uuid()
	if err1 != nil || err2 != nil {
		return detail(http.StatusInternalServerError, "No randomness for a session ID")
	}
	s := &session{id: id, window: window, name: asked.Name}
	if asked.Timeout != nil {
		s.ends = time.Now().Add(time.Duration(*asked.Timeout * float64(time.Second)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions.add(s)
	c.stats.SessionsStarted++
	if strings.HasSuffix(r.URL.Path, startBarePath) {
		return success(bareSession{
			ID: s.id, CDPURL: "wss://cdp.invalid/" + s.id, LoginURL: "http://" + r.Host + "/page/" + s.window,
			CDPHeaders: map[string]string{"Authorization": "none"},
		})
	}
	return success(startedSession{ID: s.id, Name: s.name, WindowID: s.window})
}

func (s *sessions) add(one *session) {
	if s.byID == nil {
		s.byID, s.byToken = make(map[string]*session), make(map[string]*download)
	}
	if len(s.list) >= maxSessions {
		oldest := s.list[0]
		s.list[0] = nil // free it before the array
		s.list = s.list[1:]
		delete(s.byID, oldest.id)
		for _, f := range oldest.files {
			delete(s.byToken, f.token)
		}
	}
	s.byID[one.id] = one
	s.list = append(s.list, one)
}

// stopSession answers POST /cloud-browser/stop-cloud-browser-session.
func (c *Server) stopSession(w http.ResponseWriter, r *http.Request) answer {
	var asked struct {
		ID string `json:"session_id"`
	}
	if refused, ok := readBody(w, r, &asked, object(
		field{"session_id", true, isText}, field{"status", true, oneOf("complete", "terminated", "failed", "timed_out")},
	)); !ok {
		return refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions.byID[asked.ID]
	if s == nil || !s.runs() {
		return success(stoppedSession{Message: "no such session"})
	}
	s.stopped = true
	c.stats.SessionsStopped++
	return success(stoppedSession{Success: true})
}

// gone reports whether the session has ended. Unknown sessions have not.
func (c *Server) gone(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions.byID[id]
	return s != nil && !s.runs()
}

// addDownloads adds the files of a finished task to its session. The server's lock must
// be held.
func (c *Server) addDownloads(t *task) {
	s := c.sessions.byID[t.sessionID]
	if s == nil {
		return
	}
	files := t.rule.Downloads
	if files == nil {
		files = []downloadRule{{Name: "answer.txt", Text: t.text() + "\n"}}
	}
	for _, f := range files {
		if len(s.files) < maxFiles {
			s.files = append(s.files, &download{
				key: fmt.Sprintf("%s/%d/%s", s.id, len(s.files)+1, f.Name), name: f.Name, content: f.Text,
			})
		}
	}
}

// downloads answers GET /cloud-browser/replay/downloads.
func (c *Server) downloads(_ http.ResponseWriter, r *http.Request) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions.byID[r.URL.Query().Get("session_id")]
	if s == nil {
		return detail(http.StatusNotFound, "Session not found")
	}
	var list struct {
		Files []downloadShape `json:"downloaded_files"` // null if there are none
	}
	for _, f := range s.files {
		list.Files = append(list.Files, downloadShape{f.key, f.name, len(f.content)})
	}
	return success(list)
}

// downloadURL answers GET /cloud-browser/replay/download-url.
func (c *Server) downloadURL(_ http.ResponseWriter, r *http.Request) answer {
	token, err := c.random(16)
	if err != nil {
		return detail(http.StatusInternalServerError, "No randomness for a signature")
	}
	query := r.URL.Query()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sessions.byID[query.Get("session_id")]; s != nil {
		for _, f := range s.files {
			if f.key != query.Get("key") {
				continue
			}
			if f.token == "" {
				f.token = token
				c.sessions.byToken[token] = f
			}
			return success(map[string]string{"presigned_url": "http://" + r.Host + storeDownloadPath + f.token})
		}
	}
	return detail(http.StatusNotFound, "File not found")
}

// storedDownload answers a presigned URL. The storage's errors are XML.
func (c *Server) storedDownload(token string) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.sessions.byToken[token]
	if f == nil {
		return storageAnswer(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	c.stats.Downloads++
	return answer{status: http.StatusOK, body: []byte(f.content), header: http.Header{"Content-Type": {"application/octet-stream"}}}
}

// uuid returns a random UUID.
func (c *Server) uuid() (string, error) {
	h, err := c.random(16)
	if err != nil {
		return "", err
	}
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:], nil
}

// isSeconds checks a session's timeout.
func isSeconds(at []any, value any) []problem {
	number, ok := value.(interface{ Float64() (float64, error) })
	if ok {
		if n, err := number.Float64(); err == nil && n > 0 && n <= maxSessionHours*3600 {
			return nil
		}
	}
	return []problem{{"greater_than", at, fmt.Sprintf("Input should be a number of seconds of up to %d hours", maxSessionHours)}}
}

// readBody reads a JSON body, except that of a dispatch. If it is invalid, it returns
// the answer.
func readBody(w http.ResponseWriter, r *http.Request, into any, valid check) (refused answer, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSmallBody))
	if err != nil {
		return detail(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d MiB or incomplete", maxSmallBody>>20)), false
	}
	value, problems := decodeBody(body)
	if problems == nil {
		problems = valid([]any{"body"}, value)
	}
	if len(problems) > 0 {
		return invalid(problems), false
	}
	fill(body, into)
	return answer{}, true
}
