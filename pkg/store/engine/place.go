package engine

import (
	"bytes"

	"github.com/narada-cli/narada/pkg/store"
)

// Placed is what has become of the sent lines of a batch in a new input.
type Placed struct {
	Known   int        // lines that were sent
	Changed int        // of them, those whose content differs from what was sent
	Gone    int        // lines that have newly disappeared
	Moves   []store.Op // PlaceItems; none if no line is known
}

// Place compares the sent lines of a batch with those of its input.
func Place(batch int64, sent, items []store.Item) (p Placed) {
	placed := make(map[string]store.Item, len(sent))
	for _, i := range sent {
		placed[string(i.Key)] = i
	}
	for _, i := range items {
		was, ok := placed[string(i.Key)]
		if !ok {
			continue
		}
		p.Known++
		delete(placed, string(i.Key))
		if len(was.Content) > 0 && !bytes.Equal(was.Content, i.Content) {
			p.Changed++
		}
		if was.Line != i.Line {
			p.Moves = append(p.Moves, &store.PlaceItem{Batch: batch, Key: i.Key, Line: i.Line})
		}
	}
	if p.Known == 0 {
		return Placed{}
	}
	for _, was := range placed {
		if was.Line != store.GoneLine {
			p.Gone++
			p.Moves = append(p.Moves, &store.PlaceItem{Batch: batch, Key: was.Key, Line: store.GoneLine})
		}
	}
	return p
}
