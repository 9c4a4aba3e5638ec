package engine

import (
	"testing"

	"github.com/narada-cli/narada/pkg/store"
)

func TestRefusalsAreStoredOnceAndByOneAtATime(t *testing.T) {
	var c Refusals
	plain := func(text string) string { return text }
	c.Note("/narada/a", store.Refusal{}, nil, plain)
	var stored []string
	write := func(list []store.Refusal) error {
		if c.storing.TryLock() {
			t.Error("another Store does not wait for this one")
		}
		for _, r := range list {
			stored = append(stored, r.Path)
		}
		return nil
	}
	for range 2 {
		if err := c.Store(write); err != nil {
			t.Error(err)
		}
	}
	c.Note("/narada/b", store.Refusal{}, nil, plain)
	if err := c.Store(write); err != nil || len(stored) != 2 || stored[1] != "/narada/b" {
		t.Errorf("stored %q, %v", stored, err)
	}
}
