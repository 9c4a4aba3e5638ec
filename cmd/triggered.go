package cmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/term"
)

// one sends one callback and prints how it was answered.
func (t *triggering) one(ctx context.Context, p *printer) error {
	s, err := t.send(ctx)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": how the callback was answered is not known"}
	}
	if err := t.print(p, s); err != nil {
		return err
	}
	if !s.attempt.Accepted() {
		return &exitError{code: codeFailed, text: explainAttempt(s.attempt, t.o.timeout), err: s.attempt.Err}
	}
	return nil
}

// print prints how a callback was answered. An answer may repeat what it was shown.
func (t *triggering) print(p *printer, s sent) error {
	a := s.attempt
	if p.json {
		return p.Value(t.inv.newAttemptJSON(s.id, a, t.o.timeout))
	}
	return p.Text(strings.Join([]string{s.id, statusText(a), roundDuration(a.Duration).String(), dash(term.OneLine(t.inv.answerText(a)))}, "\t"))
}

// many sends the callbacks and prints how they were answered as a whole.
func (t *triggering) many(ctx context.Context, p *printer) error {
	var mu sync.Mutex
	var statistics deliver.Statistics
	begun := time.Now()
	shown := t.inv.talk.Wait("sending", fmt.Sprintf("sending %d callbacks", t.o.count))
	senders, sending := errgroup.WithContext(ctx)
	senders.SetLimit(t.o.concurrency)
	for range t.o.count {
		if sending.Err() != nil {
			break
		}
		senders.Go(func() error {
			s, err := t.send(sending)
			if err != nil || sending.Err() != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			statistics.Add(s.attempt)
			return nil
		})
	}
	err := senders.Wait()
	shown()
	if err != nil && ctx.Err() == nil {
		return err
	}
	if err := printStatistics(p, &statistics, time.Since(begun)); err != nil {
		return err
	}
	refused := statistics.Count() - statistics.Accepted()
	switch {
	case ctx.Err() != nil:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%s: %d of %d callbacks were answered before", cause(context.Cause(ctx)), statistics.Count(), t.o.count)}
	case refused > 0:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d callbacks were not accepted", refused, statistics.Count())}
	}
	return nil
}

func printStatistics(p *printer, s *deliver.Statistics, took time.Duration) error {
	rate := float64(s.Count()) / took.Seconds()
	if p.json {
		return p.Value(struct {
			Sent     int            `json:"sent"`
			Accepted int            `json:"accepted"`
			Seconds  float64        `json:"seconds"`
			Rate     float64        `json:"perSecond"`
			P50      float64        `json:"p50Ms"`
			P95      float64        `json:"p95Ms"`
			P99      float64        `json:"p99Ms"`
			Answers  map[string]int `json:"answers"`
		}{s.Count(), s.Accepted(), took.Seconds(), rate, milliseconds(s.Percentile(50)), milliseconds(s.Percentile(95)), milliseconds(s.Percentile(99)), nonNil(s.Kinds())})
	}
	lines := [][2]string{
		{"sent", fmt.Sprint(s.Count())}, {"accepted", fmt.Sprint(s.Accepted())}, {"rate", formatRate(rate)},
	}
	for _, percent := range []float64{50, 95, 99} {
		if s.Count() == 0 {
			break
		}
		lines = append(lines, [2]string{fmt.Sprintf("p%.0f", percent), fmt.Sprintf("%.1fms", milliseconds(s.Percentile(percent)))})
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Kinds())) {
		lines = append(lines, [2]string{kind, fmt.Sprint(s.Kinds()[kind])})
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "%-20s %s\n", line[0], line[1])
	}
	return p.Text(strings.TrimRight(b.String(), "\n"))
}

func nonNil(m map[string]int) map[string]int {
	if m == nil {
		return map[string]int{}
	}
	return m
}
