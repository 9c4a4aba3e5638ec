package batch

import (
	"bytes"
	"fmt"
	"testing"
)

// The rows of a table, of lines as people write them.
func BenchmarkRows(b *testing.B) {
	for name, ending := range map[string]string{"lf": "\n", "crlf": "\r\n"} {
		var text bytes.Buffer
		text.WriteString("id,prompt,city" + ending)
		for i := range 1_000_000 {
			fmt.Fprintf(&text, "%d,\"Find the opening hours, and the prices, of shop %d\",Zürich%s", i, i, ending)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				n := 0
				for _, err := range (Input{Format: CSV}).Lines(bytes.NewReader(text.Bytes())) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 1_000_000 {
					b.Fatal(n)
				}
			}
		})
	}
}
