package contract

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
