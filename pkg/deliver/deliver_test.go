package deliver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a transport that answers with the next status, 0 being a network error, and
// records the times of the requests.
type script struct {
	statuses []int
	header   http.Header
	asked    []time.Duration
	start    time.Time
}

func newScript(statuses ...int) *script { return &script{statuses: statuses, start: time.Now()} }

func (s *script) RoundTrip(*http.Request) (*http.Response, error) {
	status := s.statuses[min(len(s.asked), len(s.statuses)-1)]
	s.asked = append(s.asked, time.Since(s.start))
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	header := s.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

func statuses(attempts []Attempt) []int {
	var list []int
	for _, a := range attempts {
		list = append(list, a.StatusCode)
	}
	return list
}

func TestSendRetriesTemporaryFailures(t *testing.T) {
	tests := map[string]struct {
		sender  Sender
		answers []int
		want    []int
		wantErr string
	}{
		"accepted at once":              {Sender{Attempts: 5}, []int{204}, []int{204}, ""},
		"after failures that may pass":  {Sender{Attempts: 5}, []int{0, 503, 429, 408, 200}, []int{0, 503, 429, 408, 200}, ""},
		"not after a refusal":           {Sender{Attempts: 5}, []int{401, 200}, []int{401}, "the callback was refused: 401 Unauthorized"},
		"after a refusal, if asked to":  {Sender{Attempts: 5, RetryRefused: true}, []int{401, 404, 200}, []int{401, 404, 200}, ""},
		"a redirect is a refusal":       {Sender{Attempts: 5}, []int{307, 200}, []int{307}, "the callback was refused: 307 Temporary Redirect"},
		"at most Attempts times":        {Sender{Attempts: 3}, []int{500}, []int{500, 500, 500}, "the callback was refused: 500 Internal Server Error"},
		"once, with its zero value":     {Sender{}, []int{500}, []int{500}, "the callback was refused: 500 Internal Server Error"},
		"and gives the network's error": {Sender{Attempts: 2}, []int{0}, []int{0, 0}, "connection refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.sender.Transport = newScript(test.answers...)
				var seen []Attempt
				test.sender.Observe = func(a Attempt) { seen = append(seen, a) }
				got, err := test.sender.Send(t.Context(), Callback{URL: "https://receiver.example/secret"})
				if diff := cmp.Diff(test.want, statuses(seen)); diff != "" {
					t.Error(diff)
				}
				text := ""
				if err != nil {
					text = err.Error()
				}
				if text != test.wantErr {
					t.Errorf("error %q, want %q", text, test.wantErr)
				}
				if last := seen[len(seen)-1]; got.Number != last.Number || got.StatusCode != last.StatusCode {
					t.Errorf("got %+v, want the last attempt", got)
				}
				for i, a := range seen {
					if a.Number != i+1 {
						t.Errorf("attempt %d has number %d", i+1, a.Number)
					}
				}
			})
		})
	}
}

func TestPausesDoubleFromFirstPauseToMaxPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		receiver := newScript(500)
		s := Sender{Transport: receiver, Attempts: 6, FirstPause: time.Second, MaxPause: 4 * time.Second}
		if _, err := s.Send(t.Context(), Callback{URL: "https://receiver.example/"}); err == nil {
			t.Fatal("no error")
		}
		for i, nominal := range []time.Duration{1, 2, 4, 4, 4} {
			pause := receiver.asked[i+1] - receiver.asked[i]
			if nominal *= time.Second; pause < nominal/2 || pause > nominal*3/2+1 {
				t.Errorf("pause %d is %v, want about %v", i+1, pause, nominal)
			}
		}
	})
}

func TestRetryAfterExtendsAPauseUpToMaxPause(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"3":       3 * time.Second,
		"86400":   5 * time.Second,
		"-1":      0,
		"soon":    0,
		"(date)":  4 * time.Second,
		"(early)": 0,
	} {
		t.Run(value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				switch value {
				case "(date)":
					value = time.Now().Add(4 * time.Second).UTC().Format(http.TimeFormat)
				case "(early)":
					value = time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
				}
				receiver := newScript(503, 200)
				receiver.header = http.Header{"Retry-After": {value}}
				s := Sender{Transport: receiver, Attempts: 2, FirstPause: time.Millisecond, MaxPause: 5 * time.Second}
				if _, err := s.Send(t.Context(), Callback{URL: "https://receiver.example/"}); err != nil {
					t.Fatal(err)
				}
				if got := receiver.asked[1].Round(10 * time.Millisecond); got != want {
					t.Errorf("waited %v, want %v", got, want)
				}
			})
		})
	}
}

func TestTheEndOfTheContextEndsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := Sender{Transport: newScript(500), Attempts: 100, FirstPause: time.Hour, MaxPause: time.Hour}
		start := time.Now()
		last, err := s.Send(ctx, Callback{URL: "https://receiver.example/"})
		if !errors.Is(err, context.DeadlineExceeded) || last.Number != 1 || time.Since(start) != time.Minute {
			t.Errorf("%d attempts, %v after %v", last.Number, err, time.Since(start))
		}
	})
}

func TestStopEndsAPauseAndNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := Sender{Transport: silent{}, Attempts: 100, Timeout: 50 * time.Second, FirstPause: 40 * time.Second, MaxPause: 40 * time.Second, Stop: stop}
		start := time.Now()
		last, err := s.Send(t.Context(), Callback{URL: "https://receiver.example/"})
		if took := time.Since(start); err != ErrStopped || took != time.Minute && took != time.Duration(last.Number-1)*50*time.Second {
			t.Errorf("%d attempts, %v after %v", last.Number, err, took)
		}
	})
}

func TestNothingIsSentAfterStop(t *testing.T) {
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	s := Sender{Transport: newScript(200), Stop: stop}
	if last, err := s.Send(t.Context(), Callback{URL: "https://receiver.example/"}); err != ErrStopped || last.Number != 0 {
		t.Errorf("%d attempts, %v", last.Number, err)
	}
}

type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAnAttemptAtASilentReceiverTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Sender{Transport: silent{}, Timeout: 3 * time.Second}
		last, err := s.Send(t.Context(), Callback{URL: "https://receiver.example/"})
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "no answer within 3s" || last.Duration != 3*time.Second {
			t.Errorf("%v after %v", err, last.Duration)
		}
	})
}

func TestErrorsDoNotRepeatTheURL(t *testing.T) {
	for _, address := range []string{"https://receiver.example/unguessable", "://unguessable", "unguessable://x/"} {
		s := Sender{Transport: newScript(0)}
		if _, err := s.Send(t.Context(), Callback{URL: address}); err == nil || strings.Contains(err.Error(), "unguessable") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestARequestHasTheMethodHeaderAndBodyOfTheCallback(t *testing.T) {
	type seen struct {
		Method, Path, Host, Type, Token, Body string
	}
	var got seen
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Method, r.URL.Path, r.Host, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), string(body)}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
		_, _ = w.Write(make([]byte, 1<<20)) // more than anyone reads
	}))
	defer receiver.Close()
	s := Sender{Transport: receiver.Client().Transport}
	a, err := s.Send(t.Context(), Callback{
		URL:    receiver.URL + "/hook",
		Header: http.Header{"authorization": {"Bearer t"}, "Host": {"hook.example"}},
		Body:   []byte(`{"a":1}`),
	})
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("error %v", err)
	}
	want := seen{"POST", "/hook", "hook.example", "application/json", "Bearer t", `{"a":1}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a.Start.IsZero() || a.Duration <= 0 || a.Err != nil || a.Reused || a.Location != "/elsewhere" || len(a.Answer) != keptAnswer {
		t.Errorf("attempt %+v", a)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var methods []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		_, _ = io.WriteString(w, "ok")
	}))
	defer receiver.Close()
	s := Sender{Transport: receiver.Client().Transport}
	for i, method := range []string{"", http.MethodGet} {
		last, err := s.Send(t.Context(), Callback{Method: method, URL: receiver.URL})
		if err != nil || last.Reused != (i > 0) || string(last.Answer) != "ok" {
			t.Errorf("%+v, %v", last, err)
		}
	}
	if diff := cmp.Diff([]string{"POST", "GET"}, methods); diff != "" {
		t.Error(diff)
	}
}

func TestWhereARedirectLeadsIsSaidWithoutItsSecrets(t *testing.T) {
	for location, want := range map[string]string{
		"":                                    "",
		"/other":                              "https://hook.example/other",
		"other/x?token=s3cret#part":           "https://hook.example/a/other/x",
		"http://user:s3cret@new.example/?a=b": "http://new.example/",
		"https://new.example":                 "https://new.example",
		"mailto:someone":                      "",
		"https://new.example/%zz":             "",
		"//new.example/with%20space":          "https://new.example/with%20space",
	} {
		if got := (Attempt{StatusCode: 302, Location: location}).LeadsTo("https://hook.example/a/b?key=s3cret"); got != want {
			t.Errorf("%q: %q, want %q", location, got, want)
		}
	}
	if got := (Attempt{StatusCode: 201, Location: "/other"}).LeadsTo("https://hook.example/"); got != "" {
		t.Errorf("no redirect: %q", got)
	}
}
