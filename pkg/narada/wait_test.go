package narada

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script is a transport that returns its answers in order, and then always the last one.
type script struct {
	answers []string // "STATUS BODY"
	times   []time.Duration
	start   time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.times = append(s.times, time.Since(s.start))
	answer := s.answers[min(len(s.times), len(s.answers))-1]
	status, body, _ := strings.Cut(answer, " ")
	if status == "error" {
		return nil, errors.New("connection refused")
	}
	resp := &http.Response{Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
	resp.StatusCode = map[string]int{"200": 200, "404": 404, "503": 503}[status]
	if status == "503" {
		resp.Header.Set("Retry-After", "60")
	}
	return resp, nil
}

func waitWith(t *testing.T, limit time.Duration, answers ...string) (*Result, *script, error) {
	t.Helper()
	s := &script{answers: answers, start: time.Now()}
	c, err := NewClient("k", WithTransport(s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	r, err := c.Wait(ctx, "req_1")
	return r, s, err
}

func TestWaitRetriesTemporaryFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, err := waitWith(t, time.Hour, `200 {"status":"pending"}`, "error", `503 {}`, `200 {"status":"success","completedAt":"2026-01-01T00:00:00Z"}`)
		if err != nil || r.Status != StatusSuccess || len(s.times) != 4 {
			t.Fatalf("%+v, %v, %v", r, err, s.times)
		}
		if s.times[0] != 3*time.Second || s.times[3]-s.times[2] != time.Minute {
			t.Errorf("asked after %v", s.times)
		}
	})
}

func TestWaitEndsOnARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, err := waitWith(t, time.Hour, `404 {"detail":"no such request"}`)
		if err == nil || len(s.times) != 1 {
			t.Errorf("%v after %v", err, s.times)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, err := waitWith(t, time.Minute, `200 {"status":"pending"}`)
		if !errors.Is(err, context.DeadlineExceeded) || len(s.times) < 4 {
			t.Errorf("%v after %v", err, s.times)
		}
		_, _, err = waitWith(t, time.Minute, `error`)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("got %v", err)
		}
	})
}
