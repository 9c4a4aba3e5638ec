package term

// TextMeter is a Meter without a bar: it returns the progress as text.
type TextMeter func() string

// Draw implements Meter.
func (m TextMeter) Draw() string { return m() }

// Text implements Meter.
func (m TextMeter) Text() string { return m() }
