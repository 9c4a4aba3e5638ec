package contract

import "time"

// Verdict is what a test has come to.
type Verdict string

// The verdicts. A test is skipped when it does not apply, or when an earlier one has
// shown that it would tell nothing.
const (
	Pass Verdict = "PASS"
	Warn Verdict = "WARN"
	Fail Verdict = "FAIL"
	Skip Verdict = "SKIP"
)

// Finding is the outcome of one test, of this package or of package doctor.
type Finding struct {
	Test     string // its name
	Verdict  Verdict
	Detail   string        // what was seen, in a few words
	Advice   string        // one sentence on what to change; "" where there is nothing to
	Duration time.Duration // of the test, all its requests together
}

// Passed is the finding of a test that has found nothing wrong.
func Passed(detail string) Finding { return Finding{Verdict: Pass, Detail: detail} }

// Warned is the finding of a test that has found what should be changed.
func Warned(detail, advice string) Finding {
	return Finding{Verdict: Warn, Detail: detail, Advice: advice}
}

// Failed is the finding of a test that has found what must be changed.
func Failed(detail, advice string) Finding {
	return Finding{Verdict: Fail, Detail: detail, Advice: advice}
}

// Skipped is the finding of a test that was not made.
func Skipped(detail, advice string) Finding {
	return Finding{Verdict: Skip, Detail: detail, Advice: advice}
}
