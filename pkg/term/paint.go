package term

import "github.com/fatih/color"

// Paint returns text in a colour if on; the attribute 0 is none.
func Paint(text string, attribute color.Attribute, on bool) string {
	return paint(text, attribute, on)
}
