package units

import "fmt"

// Rate writes a rate per second, as 12/s, 2.5/s or 3.0/min.
func Rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0/s"
	case perSecond < 0.1:
		return fmt.Sprintf("%.1f/min", perSecond*60)
	case perSecond < 10:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return fmt.Sprintf("%.0f/s", perSecond)
}
