package cmd

import (
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

func newAttemptJSON(id string, a deliver.Attempt) attemptJSON {
	j := attemptJSON{RequestID: id, DurationMS: milliseconds(a.Duration), Answer: present(string(a.Answer))}
	if a.StatusCode != 0 {
		j.StatusCode = &a.StatusCode
	}
	if !a.Accepted() {
		j.Error = present(explain(a.Failure()))
	}
	return j
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
