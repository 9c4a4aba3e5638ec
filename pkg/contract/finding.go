package contract

import "time"

// Verdict is the outcome of a test.
type Verdict string

// The verdicts. A test is skipped if it does not apply, or if the failure of an earlier
// one decides its outcome.
const (
	Pass Verdict = "PASS"
	Warn Verdict = "WARN"
	Fail Verdict = "FAIL"
	Skip Verdict = "SKIP"
)

// Finding is the result of one test, of this package or of package doctor.
type Finding struct {
	Test     string // its name
	Verdict  Verdict
	Detail   string        // what was found, in a few words
	Advice   string        // one sentence on what to change, or ""
	Duration time.Duration // of the test with all its requests
}

// Passed returns a finding with the verdict Pass.
func Passed(detail string) Finding { return Finding{Verdict: Pass, Detail: detail} }

// Warned returns a finding with the verdict Warn.
func Warned(detail, advice string) Finding {
	return Finding{Verdict: Warn, Detail: detail, Advice: advice}
}

// Failed returns a finding with the verdict Fail.
func Failed(detail, advice string) Finding {
	return Finding{Verdict: Fail, Detail: detail, Advice: advice}
}

// Skipped returns a finding with the verdict Skip.
func Skipped(detail, advice string) Finding {
	return Finding{Verdict: Skip, Detail: detail, Advice: advice}
}

// Document is a finding as programs read it.
type Document struct {
	Test       string  `json:"test"`
	Verdict    Verdict `json:"verdict"`
	Detail     string  `json:"detail"`
	Advice     *string `json:"advice"` // null: there is none
	DurationMS float64 `json:"durationMs"`
}

// Document returns the document of the finding.
func (f Finding) Document() Document {
	d := Document{Test: f.Test, Verdict: f.Verdict, Detail: f.Detail, DurationMS: float64(f.Duration.Microseconds()) / 1000}
	if f.Advice != "" {
		d.Advice = &f.Advice
	}
	return d
}
