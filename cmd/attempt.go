package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
)

// attemptJSON is a callback that was sent, and its answer, as -o json prints it.
type attemptJSON struct {
	RequestID  string  `json:"requestId"`
	StatusCode *int    `json:"statusCode"`
	DurationMS float64 `json:"durationMs"`
	Answer     *string `json:"answer"`
	Error      *string `json:"error"`
}

func (inv *invocation) newAttemptJSON(id string, a deliver.Attempt, timeout time.Duration) attemptJSON {
	j := attemptJSON{RequestID: id, DurationMS: milliseconds(a.Duration), Answer: present(inv.answerText(a))}
	if a.StatusCode != 0 {
		j.StatusCode = &a.StatusCode
	}
	if !a.Accepted() {
		j.Error = present(explainAttempt(a, timeout))
	}
	return j
}

// explainAttempt says why a callback was not accepted.
func explainAttempt(a deliver.Attempt, timeout time.Duration) string {
	if errors.Is(a.Err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", timeout)
	}
	return explain(a.Failure())
}

// statusText is the status of an answer, and a dash where there was none.
func statusText(a deliver.Attempt) string {
	if a.StatusCode == 0 {
		return "-"
	}
	return fmt.Sprint(a.StatusCode)
}

// milliseconds are those of d, to a thousandth.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
