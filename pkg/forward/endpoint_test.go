package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
)

// answers answers each request with the next status; 0 is no answer.
type answers struct {
	list []int
	took time.Duration
	seen []*http.Request
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(a.took)
	a.seen = append(a.seen, r)
	status := a.list[0]
	if len(a.list) > 1 {
		a.list = a.list[1:]
	}
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
}

func newEndpoint(a *answers, e *events) *Endpoint {
	return &Endpoint{
		URL: "https://hook.example/x", Added: secret.NewCredentials(secret.String{}, http.Header{"X-Added": {"yes"}, "X-Both": {"ours"}}),
		Sender: deliver.Sender{Transport: a, Attempts: 4, Timeout: time.Second},
		Report: e.report, Explain: func(a deliver.Attempt) string { return a.Failure().Error() },
	}
}

var (
	aHeader = http.Header{"X-Both": {"theirs"}, "X-Theirs": {"1"}, "Connection": {"close"}}
	aBody   = []byte(`{ "raw": 1.50 }`)
)

func TestAnEndpointGetsTheCallbackUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, e := &answers{list: []int{200}, took: time.Millisecond}, &events{}
		r, err := newEndpoint(a, e).Forward(t.Context(), t.Context(), aHeader, aBody, func(Result) {})
		if diff := cmp.Diff(Result{Attempts: 1, StatusCode: 200, Took: time.Millisecond}, r); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		got := a.seen[0]
		body, _ := io.ReadAll(got.Body)
		want := map[string]string{"X-Both": "ours", "X-Added": "yes", "X-Theirs": "1", "Connection": ""}
		for name, value := range want {
			if got.Header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
			}
		}
		if got.URL.String() != "https://hook.example/x" || string(body) != `{ "raw": 1.50 }` {
			t.Errorf("%s %s", got.URL, body)
		}
	})
}

func TestAnEndpointThatIsDownIsReportedOnce(t *testing.T) {
	tests := []struct {
		name     string
		statuses []int
		want     Result
		reported int
	}{
		{"for a while", []int{0, 503, 200}, Result{Attempts: 3, StatusCode: 200}, 2},
		{"for good", []int{0}, Result{Attempts: 4, Failure: "connection refused"}, 1},
		{"refuses", []int{401}, Result{Attempts: 1, StatusCode: 401, Failure: "the callback was refused: 401 Unauthorized", Permanent: true}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &events{}
				var retried []Result
				r, err := newEndpoint(&answers{list: tt.statuses}, e).Forward(t.Context(), t.Context(), aHeader, aBody, func(r Result) { retried = append(retried, r) })
				for i, failed := range retried {
					if failed.Attempts != i+1 || failed.StatusCode != tt.statuses[min(i, len(tt.statuses)-1)] || failed.Failure == "" {
						t.Errorf("attempt %d: %+v", i+1, failed)
					}
				}
				if len(retried) != r.Attempts-1 {
					t.Errorf("%d attempts, retried after %d", r.Attempts, len(retried))
				}
				if diff := cmp.Diff(tt.want, r); err != nil || diff != "" {
					t.Errorf("%v %s", err, diff)
				}
				if len(e.list) != tt.reported {
					t.Errorf("reported %q", e.list)
				}
			})
		})
	}
}

func TestTheSameAnswerToAnotherCallbackIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newEndpoint(&answers{list: []int{401, 401, 200, 401}}, &events{})
		for i, want := range []bool{false, true, false, false} {
			r, err := to.Forward(t.Context(), t.Context(), aHeader, aBody, func(Result) {})
			if err != nil || r.Repeated != want {
				t.Errorf("callback %d: %+v, %v", i+1, r, err)
			}
		}
	})
}

func TestAnEndpointThatIsDownAgainIsReportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &events{}
		to := newEndpoint(&answers{list: []int{503, 503, 200, 503, 200}}, e)
		for range 2 {
			if _, err := to.Forward(t.Context(), t.Context(), aHeader, aBody, func(Result) {}); err != nil {
				t.Error(err)
			}
		}
		var kinds []string
		for _, event := range e.list {
			kind, _, _ := strings.Cut(event, "{")
			kinds = append(kinds, kind)
		}
		once := []string{"forward.TargetDown", "forward.TargetUp"}
		if diff := cmp.Diff(slices.Concat(once, once), kinds); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEndpointGetsNoAttemptAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		a := &answers{list: []int{503}, took: 10 * time.Millisecond}
		if _, err := newEndpoint(a, &events{}).Forward(t.Context(), stop, aHeader, aBody, func(Result) {}); !errors.Is(err, deliver.ErrStopped) || len(a.seen) != 1 {
			t.Errorf("%v after %d attempts", err, len(a.seen))
		}
	})
}

func TestSameAddressFindsLoops(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for target, want := range map[string]bool{
		"https://hooks.example.com/x":      true,
		"https://HOOKS.example.com.:443/x": true,
		"http://localhost:8080/x":          true,
		"http://127.0.0.1:8080/x":          true,
		"http://127.0.0.1:8081/x":          false,
		"https://hooks.example.com:8443/x": false,
		"https://example.com/x":            false,
		"http://hooks.example.com/x":       false,
		"":                                 false,
	} {
		if got := SameAddress(target, &url.URL{Scheme: "https", Host: "hooks.example.com"}, local); got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
}
