package units

import "time"

// Duration is the value of a flag that is a duration. It implements pflag.Value.
type Duration time.Duration

// DurationFlag makes the value of a flag that sets target, which is value without
// the flag.
func DurationFlag(target *time.Duration, value time.Duration) *Duration {
	*target = value
	return (*Duration)(target)
}

// Set implements pflag.Value.
func (d *Duration) Set(text string) error {
	parsed, err := ParseDuration(text)
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}

// String implements pflag.Value. No time at all is 0, which help leaves out.
func (d *Duration) String() string {
	if d == nil || *d == 0 {
		return "0"
	}
	return time.Duration(*d).String()
}

// Type implements pflag.Value.
func (*Duration) Type() string { return "duration" }

// Bytes is the value of a flag that is a size. It implements pflag.Value.
type Bytes int64

// SizeFlag makes the value of a flag that sets target, which is value without the
// flag.
func SizeFlag(target *int64, value int64) *Bytes {
	*target = value
	return (*Bytes)(target)
}

// Set implements pflag.Value.
func (b *Bytes) Set(text string) error {
	parsed, err := ParseSize(text)
	if err != nil {
		return err
	}
	*b = Bytes(parsed)
	return nil
}

// String implements pflag.Value.
func (b *Bytes) String() string {
	if b == nil {
		return "0"
	}
	return Size(int64(*b))
}

// Type implements pflag.Value.
func (*Bytes) Type() string { return "size" }
