// Package spelling suggests a correction for a mistyped word.
//
// The package is private to narada.
package spelling

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the candidate with the smallest edit distance to word, ignoring case; ""
// if every distance exceeds about a third of the word's length.
func Nearest(word string, candidates []string) string {
	best, distance := "", max(1, (len(word)+1)/3)+1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	return best
}
