package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

// sinkOf collects deliveries, or fails.
type sinkOf struct {
	got []Delivery
	err error
}

func (s *sinkOf) Deliver(_ context.Context, d Delivery) error {
	if s.err == nil {
		s.got = append(s.got, d)
	}
	return s.err
}

func testTicket() Ticket {
	return Ticket{Path: "/cb/1", Header: http.Header{"Authorization": {"Bearer t0ken"}}, Secret: "s3cret"}
}

func callback(secret string) string {
	return `{"requestId":"req_1","secret":` + secret + `,"status":"success","response":{"text":"hi"},"completedAt":"2026-01-01T00:00:00Z"}`
}

func request(method, path, body string, header map[string]string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer t0ken")
	for name, value := range header {
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header.Set(name, value)
	}
	return r
}

func TestHandlerMakesTheCheapestChecksFirst(t *testing.T) {
	good := callback(`"s3cret"`)
	tests := []struct {
		name    string
		request *http.Request
		status  int
		body    string
	}{
		{"genuine", request("POST", "/cb/1", good, nil), 200, `{"received":true}`},
		{"content type with a charset", request("POST", "/cb/1", good, map[string]string{"Content-Type": "application/json; charset=utf-8"}), 200, `{"received":true}`},
		{"unknown fields and nulls", request("POST", "/cb/1", `{"requestId":"req_1","secret":"s3cret","status":"error","browserWindowId":null,"response":null,"usage":null,"createdAt":null,"completedAt":null,"new":[1]}`, nil), 200, `{"received":true}`},
		{"unknown path, all else invalid too", request("GET", "/cb/2", "x", map[string]string{"Authorization": ""}), 404, `{"error":"no such path"}`},
		{"wrong method, header and body invalid too", request("GET", "/cb/1", "x", map[string]string{"Authorization": ""}), 405, `{"error":"only POST is allowed"}`},
		{"missing header, body invalid too", request("POST", "/cb/1", "x", map[string]string{"Authorization": "", "Content-Type": "text/plain"}), 401, `{"error":"wrong or missing header"}`},
		{"wrong header", request("POST", "/cb/1", good, map[string]string{"Authorization": "Bearer other"}), 401, `{"error":"wrong or missing header"}`},
		{"not JSON", request("POST", "/cb/1", "x", map[string]string{"Content-Type": "text/plain"}), 415, `{"error":"the content type is not JSON"}`},
		{"no type", request("POST", "/cb/1", good, map[string]string{"Content-Type": ""}), 415, `{"error":"the content type is not JSON"}`},
		{"compressed", request("POST", "/cb/1", good, map[string]string{"Content-Encoding": "gzip"}), 415, `{"error":"the body has a Content-Encoding; expected application/json without one"}`},
		{"not encoded", request("POST", "/cb/1", good, map[string]string{"Content-Encoding": "identity"}), 200, `{"received":true}`},
		{"too large", request("POST", "/cb/1", strings.Repeat("x", 1001), nil), 413, `{"error":"the body is too large"}`},
		{"broken JSON", request("POST", "/cb/1", `{"requestId":`, nil), 400, `{"error":"malformed callback: not valid JSON: unexpected end of JSON input"}`},
		{"no secret", request("POST", "/cb/1", `{"requestId":"r","status":"success"}`, nil), 400, `{"error":"malformed callback: no secret"}`},
		{"duplicate secret", request("POST", "/cb/1", `{"requestId":"r","status":"success","secret":"s3cret","SECRET":"x"}`, nil), 400, `{"error":"malformed callback: duplicate \"secret\""}`},
		{"a byte that is not UTF-8", request("POST", "/cb/1", strings.Replace(callback(`"s3cret"`), "success", "success\xff", 1), nil), 400, `{"error":"malformed callback: status: not Unicode text"}`},
		{"another one", request("POST", "/cb/1", `{"requestId":"r","status":"success","secret":"s3cret","new":"`+"\xc3"+`"}`, nil), 400, `{"error":"malformed callback: not UTF-8 text"}`},
		{"half of a surrogate pair", request("POST", "/cb/1", `{"requestId":"r\ud800","status":"success","secret":"s3cret"}`, nil), 400, `{"error":"malformed callback: requestId: not Unicode text"}`},
		{"wrong secret", request("POST", "/cb/1", callback(`"other"`), nil), 401, `{"error":"wrong secret"}`},
		{"null secret", request("POST", "/cb/1", callback(`null`), nil), 401, `{"error":"wrong secret"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var told int
			sink := &sinkOf{}
			h := NewHandler(testTicket(), sink, WithMaxBody(1000), WithRefused(func(_ *http.Request, status int, _ error) { told = status }))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, tt.request)
			if w.Code != tt.status || strings.TrimSpace(w.Body.String()) != tt.body {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if accepted := tt.status == 200; accepted != (len(sink.got) == 1) || accepted != (told == 0) || !accepted && told != tt.status {
				t.Errorf("%d deliveries, refusal %d reported", len(sink.got), told)
			}
			if allow := w.Header().Get("Allow"); (tt.status == 405) != (allow == "POST") {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

func TestDeliveryHasTheBodyAsReceived(t *testing.T) {
	sink := &sinkOf{}
	body := callback(`"s3cret"`)
	NewHandler(testTicket(), sink).ServeHTTP(httptest.NewRecorder(), request("POST", "/cb/1", body, nil))
	d := sink.got[0]
	if diff := cmp.Diff(body, string(d.Body)); diff != "" {
		t.Error(diff)
	}
	if d.Result.RequestID != "req_1" || strings.Contains(string(d.Result.Raw()), "s3cret") || d.ReceivedAt.IsZero() || d.Ticket.Path != "/cb/1" {
		t.Errorf("%+v", d)
	}
}

func TestFailingSinkIsAnswered503WithoutItsReason(t *testing.T) {
	w := httptest.NewRecorder()
	NewHandler(testTicket(), &sinkOf{err: errors.New("disk /dev/sda1 is full")}).ServeHTTP(w, request("POST", "/cb/1", callback(`"s3cret"`), nil))
	if w.Code != 503 || strings.Contains(w.Body.String(), "disk") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type brokenBook struct{}

func (brokenBook) Ticket(context.Context, string) (Ticket, bool, error) {
	return Ticket{}, false, errors.New("locked")
}

func TestFailingTicketStoreIsAnswered503(t *testing.T) {
	w := httptest.NewRecorder()
	NewHandler(brokenBook{}, &sinkOf{}).ServeHTTP(w, request("POST", "/cb/1", "", nil))
	if w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// reader is a body of unknown length that ends with err.
type reader struct {
	io.Reader
	err error
}

func (r reader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF && r.err != nil {
		err = r.err
	}
	return n, err
}

func TestBodyOfUnknownLengthHasALimit(t *testing.T) {
	tests := []struct {
		name   string
		body   io.Reader
		status int
	}{
		{"too large", reader{strings.NewReader(strings.Repeat("x", 1001)), nil}, 413},
		{"fits", reader{strings.NewReader(callback(`"s3cret"`)), nil}, 200},
		{"too slow", reader{strings.NewReader(`{"requ`), fmt.Errorf("read: %w", os.ErrDeadlineExceeded)}, 408},
		{"cut off", reader{strings.NewReader(`{"requ`), io.ErrUnexpectedEOF}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("POST", "/cb/1", "", nil)
			r.Body, r.ContentLength = io.NopCloser(tt.body), -1
			w := httptest.NewRecorder()
			NewHandler(testTicket(), &sinkOf{}, WithMaxBody(1000)).ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// Clients that say nothing about the size of their bodies, or send large ones slowly, do not
// shut out others.
func TestABodyReservesMemoryOnlyAsItArrives(t *testing.T) {
	const clients = 100
	var inside sync.WaitGroup
	inside.Add(clients)
	release := make(chan struct{})
	h := NewHandler(testTicket(), SinkFunc(func(context.Context, Delivery) error {
		inside.Done()
		<-release
		return nil
	}))
	slow := make(chan struct{})
	defer close(slow)
	for range 50 {
		r := request("POST", "/cb/1", "", nil)
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"requestId":`), blocked(slow))), DefaultMaxBody
		go h.ServeHTTP(httptest.NewRecorder(), r)
	}
	codes := make(chan int)
	for range clients {
		go func() {
			r := request("POST", "/cb/1", "", nil)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(callback(`"s3cret"`))), -1
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != 200 {
				inside.Done()
			}
			codes <- w.Code
		}()
	}
	inside.Wait() // all are in flight at once
	close(release)
	for range clients {
		if code := <-codes; code != 200 {
			t.Errorf("a chunked callback was answered %d", code)
		}
	}
}

// blocked is a body that does not arrive until the channel is closed.
type blocked chan struct{}

func (b blocked) Read([]byte) (int, error) {
	<-b
	return 0, io.ErrUnexpectedEOF
}

func TestBodiesAreReadWholeAtEachSize(t *testing.T) {
	for _, size := range []int{len(callback(`"s3cret"`)), firstSize - 1, firstSize, firstSize + 1, 2 * firstSize, 2*firstSize + 1, 5*firstSize + 3, 1 << 20} {
		for _, known := range []bool{true, false} {
			sink := &sinkOf{}
			body := callback(`"s3cret"`)
			body += strings.Repeat(" ", size-len(body))
			r := request("POST", "/cb/1", body, nil)
			if !known {
				r.ContentLength = -1
			}
			h := NewHandler(testTicket(), sink, WithMaxBody(1<<20), WithBudget(1<<20))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 200 || len(sink.got) != 1 || string(sink.got[0].Body) != body {
				t.Errorf("%d bytes, length known %v: %d", size, known, w.Code)
			}
			if !h.budget.TryAcquire(1 << 20) {
				t.Errorf("%d bytes, length known %v: its memory is still reserved", size, known)
			}
		}
	}
}

func TestBodiesInFlightShareABudget(t *testing.T) {
	for name, known := range map[string]bool{"of known length": true, "chunked": false} {
		t.Run(name, func(t *testing.T) {
			inSink, release := make(chan struct{}), make(chan struct{})
			h := NewHandler(testTicket(), SinkFunc(func(context.Context, Delivery) error {
				inSink <- struct{}{}
				<-release
				return nil
			}), WithMaxBody(1000), WithBudget(1000))
			serve := func(size int) int {
				w := httptest.NewRecorder()
				body := callback(`"s3cret"`)
				r := request("POST", "/cb/1", body+strings.Repeat(" ", size-len(body)), nil)
				if !known {
					r.ContentLength = -1
				}
				h.ServeHTTP(w, r)
				return w.Code
			}
			first := make(chan int)
			go func() { first <- serve(800) }()
			<-inSink
			if code := serve(300); code != 503 {
				t.Errorf("over the budget: %d", code)
			}
			close(release)
			if code := <-first; code != 200 {
				t.Errorf("first: %d", code)
			}
			go func() { <-inSink }()
			if code := serve(900); code != 200 {
				t.Errorf("after the release: %d", code)
			}
		})
	}
}

func TestTicketsAreRandomAndPrintNoSecret(t *testing.T) {
	a, err := NewTicket(rand.Reader, "/narada/")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := NewTicket(rand.Reader, "/narada/")
	if a.Path == b.Path || a.Secret == b.Secret || a.Header.Get("Authorization") == b.Header.Get("Authorization") {
		t.Error("two tickets have a value in common")
	}
	if !strings.HasPrefix(a.Path, "/narada/") || len(a.Secret) != 32 || len(a.Path) != len("/narada/")+32 {
		t.Errorf("path %s, secret of %d", a.Path, len(a.Secret))
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, a); text != "ticket ***" {
			t.Errorf("%s prints %s", format, text)
		}
	}
	if _, err := NewTicket(bytes.NewReader(make([]byte, 30)), "/"); err == nil {
		t.Error("no error for a random source that ends")
	}
}

func TestDeliveryPrintsNoCredentials(t *testing.T) {
	sink := &sinkOf{}
	NewHandler(testTicket(), sink).ServeHTTP(httptest.NewRecorder(), request("POST", "/cb/1", callback(`"s3cret"`), nil))
	d := sink.got[0]
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "delivery", d)
	for _, text := range []string{fmt.Sprintf("%v", d), fmt.Sprintf("%+v", &d), fmt.Sprintf("%#v", []Delivery{d}), fmt.Sprintf("%s", Delivery{}), log.String()} {
		if strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") || !strings.Contains(text, "callback") {
			t.Errorf("it prints %s", text)
		}
	}
}

func TestVerifyChecksHeaderMediaTypeAndSecret(t *testing.T) {
	header := http.Header{"Authorization": {"Bearer t0ken"}, "Content-Type": {"application/json"}}
	if r, err := Verify(testTicket(), header, []byte(callback(`"s3cret"`))); err != nil || r.RequestID != "req_1" {
		t.Errorf("%+v, %v", r, err)
	}
	tests := []struct {
		name   string
		ticket Ticket
		header http.Header
		body   string
		want   error
	}{
		{"header", testTicket(), http.Header{"Content-Type": {"application/json"}}, callback(`"s3cret"`), ErrHeader},
		{"duplicate header", testTicket(), http.Header{"Authorization": {"Bearer t0ken", "Bearer t0ken"}, "Content-Type": {"application/json"}}, callback(`"s3cret"`), ErrHeader},
		{"media type", testTicket(), http.Header{"Authorization": {"Bearer t0ken"}}, callback(`"s3cret"`), ErrMediaType},
		{"encoding", testTicket(), http.Header{"Authorization": {"Bearer t0ken"}, "Content-Type": {"application/json"}, "Content-Encoding": {"br"}}, callback(`"s3cret"`), ErrEncoding},
		{"malformed", testTicket(), header, `[]`, ErrMalformed},
		{"secret", testTicket(), header, callback(`"S3cret"`), ErrSecret},
		{"a ticket without header and secret accepts nothing", Ticket{Path: "/"}, header, callback(`null`), ErrSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Verify(tt.ticket, tt.header, []byte(tt.body)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	headerOnly := Ticket{Header: http.Header{"Authorization": {"Bearer t0ken"}}}
	if _, err := Verify(headerOnly, header, []byte(callback(`null`))); err != nil {
		t.Errorf("a ticket with only a header: %v", err)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("POST", "/cb/1", "Bearer t0ken", "application/json", callback(`"s3cret"`))
	f.Add("GET", "/", "", "", "")
	f.Add("POST", "/cb/1", "Bearer t0ken", "application/json", callback(`"x"`))
	f.Fuzz(func(t *testing.T, method, path, authorization, mediaType, body string) {
		r, err := http.NewRequest("POST", "http://x/", strings.NewReader(body))
		if err != nil {
			return
		}
		r.Method, r.URL.Path = method, path
		r.Header = http.Header{"Authorization": {authorization}, "Content-Type": {mediaType}}
		sink := &sinkOf{}
		w := httptest.NewRecorder()
		NewHandler(testTicket(), sink).ServeHTTP(w, r)
		_, secret, _ := narada.ParseCallback([]byte(body))
		genuine := method == "POST" && path == "/cb/1" && authorization == "Bearer t0ken" && secret == "s3cret"
		if (w.Code == 200) != (len(sink.got) == 1) || w.Code == 200 && !genuine {
			t.Fatalf("%s %s %q %q %q: %d", method, path, authorization, mediaType, body, w.Code)
		}
	})
}

func TestTheTicketOfADigestAcceptsTheSameCallbacks(t *testing.T) {
	ticket := Ticket{Path: "/p", Header: http.Header{"Authorization": {"Bearer t"}, "X-A": {"b"}}, Secret: "s3cret"}
	digest := ticket.Digest()
	if strings.Contains(digest, "s3cret") || strings.Contains(digest, "Bearer t") {
		t.Errorf("the digest contains a credential: %s", digest)
	}
	parsed, err := ParseDigest("/p", digest)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Digest() != digest {
		t.Error("the digest of the parsed ticket differs")
	}
	body := `{"requestId":"r","status":"success","secret":"s3cret"}`
	good := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer t"}, "X-A": {"b"}}
	if _, err := Verify(parsed, good, []byte(body)); err != nil {
		t.Errorf("the callback of the ticket: %v", err)
	}
	if _, err := Verify(parsed, good, []byte(strings.Replace(body, "s3cret", "***", 1))); err != ErrSecret {
		t.Errorf("another secret: %v", err)
	}
	if _, err := Verify(parsed, http.Header{"Content-Type": {"application/json"}, "Authorization": {"***"}, "X-A": {"***"}}, []byte(body)); err != ErrHeader {
		t.Errorf("another header: %v", err)
	}
	if _, err := ParseDigest("/p", "no digest"); err == nil {
		t.Error("no error for an invalid digest")
	}
	empty, err := ParseDigest("/p", Ticket{Path: "/p"}.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(empty, good, []byte(`{"requestId":"r","status":"success","secret":null}`)); err != ErrSecret {
		t.Errorf("a ticket without header and secret: %v", err)
	}
}
