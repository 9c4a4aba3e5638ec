package units

// Count is "1 callback" or "2 callbacks": a number with its noun.
func Count[N int | int64 | float64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Credits(float64(n)) + " " + noun
}
