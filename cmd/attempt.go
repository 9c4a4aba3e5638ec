package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/term"
)

// attemptJSON is a callback that was sent, and its answer, as -o json prints it.
type attemptJSON struct {
	RequestID  string  `json:"requestId"`
	StatusCode *int    `json:"statusCode"`
	DurationMS float64 `json:"durationMs"`
	Answer     *string `json:"answer"`
	Error      *string `json:"error"`
}

// printAttempt prints a callback that was sent: as text it is request ID, status, or a
// dash where there was none, and time, and in a column more the answer where that is
// asked for. What the endpoint repeats of what it was shown is hidden.
func printAttempt(inv *invocation, p *printer, id string, a deliver.Attempt, withAnswer bool) error {
	answer := inv.redactor.Redact(string(a.Answer))
	j := attemptJSON{RequestID: id, DurationMS: milliseconds(a.Duration), Answer: present(answer)}
	columns := []string{term.OneLine(id), "-", roundDuration(a.Duration).String()}
	if a.StatusCode != 0 {
		j.StatusCode, columns[1] = &a.StatusCode, fmt.Sprint(a.StatusCode)
	}
	if !a.Accepted() {
		j.Error = present(a.Failure().Error())
	}
	if withAnswer {
		columns = append(columns, dash(term.OneLine(answer)))
	}
	if p.json {
		return p.Value(j)
	}
	return p.Text(strings.Join(columns, "\t"))
}

// explainAttempt says why a callback was not accepted.
func explainAttempt(a deliver.Attempt, _ time.Duration) string { return a.Failure().Error() }

// milliseconds are those of d, to a thousandth.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
