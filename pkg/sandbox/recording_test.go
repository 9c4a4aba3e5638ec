package sandbox

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// recorded is a call of the official Python SDK (0.2.x) to a stand-in for the
// cloud, a line of testdata/sdk-wire.jsonl.
type recorded struct {
	Flow      string            `json:"flow"`
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	Query     map[string]string `json:"query"`
	JSON      json.RawMessage   `json:"json"`
	Multipart []struct {
		Header map[string]string `json:"headers"`
		Body   []byte            `json:"body_b64"`
	} `json:"multipart"`
	Header map[string]string `json:"headers"`
	Status int               `json:"response_status"`
	Answer json.RawMessage   `json:"response_json"`
}

// How the tasks of the recording end.
const recordedRules = `
delay: 3s
rules:
  - {match: '\[ERROR\]', status: error}
  - {match: '\[ERRNULL\]', status: error}
  - {match: '\[HITL\]', humanInput: {for: 9s}}
  - {match: '\[SLOW\]', delay: 1h}
`

// The requests of the SDK are sent again, flow by flow. The answers must have the
// status of the recorded ones and all their members, with values of the same kind.
func TestAnswersMatchTheSDKRecording(t *testing.T) {
	f, err := os.Open("testdata/sdk-wire.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flows, order := map[string][]recorded{}, []string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if flows[r.Flow] == nil {
			order = append(order, r.Flow)
		}
		flows[r.Flow] = append(flows[r.Flow], r)
	}
	if lines.Err() != nil || len(order) < 20 {
		t.Fatalf("%d flows, %v", len(order), lines.Err())
	}
	for _, flow := range order {
		t.Run(flow, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &player{world: newWorld(t, recordedRules, func(o *Options) { o.APIKey = "drive-key" }), names: map[string]string{}}
				for i, call := range flows[flow] {
					p.play(t, i, call)
				}
			})
		})
	}
}

// player plays a flow. The sandbox makes its own IDs and keys, which replace the
// recorded ones in later requests.
type player struct {
	*world
	names map[string]string
}

func (p *player) rename(text string) string {
	names := slices.SortedFunc(maps.Keys(p.names), func(a, b string) int { return len(b) - len(a) })
	for _, name := range names { // a key contains the ID of its session
		text = strings.ReplaceAll(text, name, p.names[name])
	}
	return text
}

func (p *player) play(t *testing.T, i int, call recorded) {
	t.Helper()
	path, header := p.rename(call.Path), http.Header{"X-Api-Key": {call.Header["x-api-key"]}}
	if call.Query != nil {
		query := url.Values{}
		for name, value := range call.Query {
			query.Set(name, p.rename(value))
		}
		path += "?" + query.Encode()
	}
	body := p.rename(string(call.JSON))
	if call.Multipart != nil {
		body, header["Content-Type"] = p.form(t, call)
	}
	status, text := p.do(t, call.Method, path, body, header)
	for range 30 { // the SDK asked every 3 s
		if standing([]byte(text)) == standing(call.Answer) {
			break
		}
		time.Sleep(time.Second)
		synctest.Wait()
		status, text = p.do(t, call.Method, path, body, header)
	}
	if status != call.Status {
		t.Fatalf("call %d, %s %s: %d %s, recorded was %d %s", i, call.Method, path, status, text, call.Status, call.Answer)
	}
	if call.Answer == nil {
		return
	}
	for _, difference := range p.compare("", call.Answer, []byte(text)) {
		t.Errorf("call %d, %s %s: %s in %s", i, call.Method, path, difference, text)
	}
}

// standing returns the status in an answer to a status call.
func standing(answer []byte) string {
	var said struct {
		Status string `json:"status"`
	}
	_ = json.Unmarshal(answer, &said) // other answers have none
	return said.Status
}

// form returns the recorded multipart body with the fields of the sandbox.
func (p *player) form(t *testing.T, call recorded) (body string, contentType []string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range call.Multipart {
		h := textproto.MIMEHeader{}
		for name, value := range part.Header {
			h.Set(name, value)
		}
		out, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(p.rename(string(part.Body)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), []string{w.FormDataContentType()}
}

// renamed has the members whose values the cloud makes up.
func renamed(member string) bool {
	switch member {
	case ".requestId", ".fields.key", ".fields.policy", ".session_id", ".browser_window_id", ".downloaded_files.0.key":
		return true
	}
	return false
}

// compare lists the members of want that got lacks or has with another kind of value.
// Only the traces of a browser may be missing, since the sandbox has none.
func (p *player) compare(at string, want, got json.RawMessage) []string {
	var wantAny, gotAny any
	if json.Unmarshal(want, &wantAny) != nil || json.Unmarshal(got, &gotAny) != nil {
		return []string{at + " is not JSON"}
	}
	return p.compareValues(at, wantAny, gotAny)
}

func (p *player) compareValues(at string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok && !strings.HasSuffix(at, ".response") {
			return []string{fmt.Sprintf("%s is %T", at, got)}
		}
		var list []string
		for name, value := range w {
			member := at + "." + name
			there, ok := g[name]
			switch {
			case name == "actionTrace":
			case at == ".hitlInputMetadata.action" && !ok && g["name"] != w["name"]: // another kind of question, which the SDK accepts too
			case name == "content" && at == ".response.output": // any JSON
			case !ok:
				list = append(list, member+" is missing")
			default:
				list = append(list, p.compareValues(member, value, there)...)
			}
		}
		return list
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return []string{fmt.Sprintf("%s has %v", at, got)}
		}
		var list []string
		for i := range w {
			list = append(list, p.compareValues(fmt.Sprintf("%s.%d", at, i), w[i], g[i])...)
		}
		return list
	case string:
		g, ok := got.(string)
		switch {
		case !ok:
			return []string{fmt.Sprintf("%s is %T", at, got)}
		case at == ".url" || at == ".presigned_url":
			w, g = pathOf(w), pathOf(g)
			p.names[w] = g
		case renamed(at):
			p.names[w] = g
		case at == ".status" && w != g, at == ".detail" && w != g, strings.HasSuffix(at, ".output.type") && w != g:
			return []string{fmt.Sprintf("%s is %q, and not %q", at, g, w)}
		}
		return nil
	case float64:
		g, ok := got.(float64)
		if !ok || w == float64(int64(w)) && g != float64(int64(g)) && at != ".usage.credits" {
			return []string{fmt.Sprintf("%s is %v", at, got)}
		}
		return nil
	case nil:
		return p.compareNull(at, got)
	}
	if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
		return []string{fmt.Sprintf("%s is %T", at, got)}
	}
	return nil
}

// compareNull compares with a recorded null, in place of which the SDK may accept a
// value.
func (p *player) compareNull(at string, got any) []string {
	if got != nil && at != ".response" {
		return []string{fmt.Sprintf("%s is %v, and not null", at, got)}
	}
	return nil
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return base64.StdEncoding.EncodeToString([]byte(address))
	}
	return u.Path
}
