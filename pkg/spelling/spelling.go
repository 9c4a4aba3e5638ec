// Package spelling finds what a mistyped word was meant to be.
//
// The package is private to narada.
package spelling

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the candidate that looks most like word, in any case; "" when
// none differs from it by less than about a third of its letters.
func Nearest(word string, candidates []string) string {
	best, distance := "", max(1, (len(word)+1)/3)+1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	return best
}
