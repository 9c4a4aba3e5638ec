package units

import "time"

// Flag is the value of a flag that is a duration or a size. It implements
// pflag.Value.
type Flag[T time.Duration | int64] struct {
	target *T
	parse  func(string) (T, error)
	format func(T) string
	kind   string
}

// MaxDuration is the maximum of a setting and of a flag that is a duration: 365 days.
const MaxDuration = 365 * day

// DurationFlag returns the value of a flag that sets target, to MaxDuration at most. The
// default is byDefault.
func DurationFlag(target *time.Duration, byDefault time.Duration) *Flag[time.Duration] {
	*target = byDefault
	return &Flag[time.Duration]{target, parseLimited, time.Duration.String, "duration"}
}

func parseLimited(text string) (time.Duration, error) {
	d, err := ParseDuration(text)
	if err == nil && d > MaxDuration {
		err = &SyntaxError{Text: text, Kind: "duration of at most 365 days", Advice: "write it as 90s, 20m or 7d"}
	}
	return d, err
}

// SizeFlag returns the value of a flag that sets target. The default is byDefault.
func SizeFlag(target *int64, byDefault int64) *Flag[int64] {
	*target = byDefault
	return &Flag[int64]{target, ParseSize, Size, "size"}
}

// Set implements pflag.Value.
func (f *Flag[T]) Set(text string) (err error) {
	*f.target, err = f.parse(text)
	return err
}

// String implements pflag.Value. The zero value is "0", which help omits.
func (f *Flag[T]) String() string {
	if f.target == nil || *f.target == 0 {
		return "0"
	}
	return f.format(*f.target)
}

// Type implements pflag.Value.
func (f *Flag[T]) Type() string { return f.kind }
