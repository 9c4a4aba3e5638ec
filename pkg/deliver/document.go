package deliver

// Document is an attempt to send a callback as programs read it. What is not known is
// null.
type Document struct {
	RequestID  string  `json:"requestId"`
	StatusCode *int    `json:"statusCode"`
	DurationMS float64 `json:"durationMs"`
	Answer     *string `json:"answer"`
	Error      *string `json:"error"`
}

// Document returns the document of an attempt for that task. answer is Answer without
// what must not be seen.
func (a Attempt) Document(requestID, answer string) Document {
	d := Document{RequestID: requestID, DurationMS: float64(a.Duration.Microseconds()) / 1000}
	if a.StatusCode != 0 {
		d.StatusCode = &a.StatusCode
	}
	if answer != "" {
		d.Answer = &answer
	}
	if !a.Accepted() {
		text := a.Failure().Error()
		d.Error = &text
	}
	return d
}
