package engine

import (
	"cmp"
	"math"

	"github.com/narada-cli/narada/pkg/store"
)

// taskPage is the number of tasks read at once.
const taskPage = 100

// Tasks calls yield for the tasks that match, newest first, until it returns an error,
// which Tasks returns. page reads the next size tasks below that number, regardless of
// q.Grep; fewer are the last ones. No read is open while yield runs.
func Tasks(q store.Query, page func(below int64, size int) ([]store.Task, error), yield func(store.Task) error) error {
	count, below := 0, cmp.Or(q.Below, math.MaxInt64)
	for {
		size := taskPage
		if q.Grep == nil && q.Limit > 0 {
			size = min(size, q.Limit-count)
		}
		list, err := page(below, size)
		if err != nil {
			return err
		}
		for _, t := range list {
			if q.Grep != nil && !q.Grep.MatchString(t.Prompt) && !q.Grep.MatchString(t.RequestID) {
				continue
			}
			if err := yield(t); err != nil {
				return err
			}
			if count++; count == q.Limit {
				return nil
			}
		}
		if len(list) < size {
			return nil
		}
		below = list[len(list)-1].Number
	}
}

// LineConditions returns the conditions and the order of a query for lines i with their
// tasks t. open is the condition for those that have not finished.
func LineConditions(q store.LineQuery, open string) (text string) {
	if q.Failed {
		text += " AND (t.finished_at IS NOT NULL AND t.status <> 'success' OR t.status = 'success' AND i.mismatch <> '')"
	}
	if q.Open {
		text += " AND " + open
	}
	if q.Slowest {
		return text + " ORDER BY t.duration_ms DESC, i.line"
	}
	return text + " ORDER BY i.line, i.key"
}

// ItemPage is the number of lines of a batch read at once.
const ItemPage = 256

// Items calls yield for the lines of a batch in input order. page reads the next ItemPage
// lines after that position and key; fewer are the last ones.
func Items(page func(line int, key []byte) ([]store.ItemTask, error), yield func(store.ItemTask) error) error {
	for line, key := 0, []byte{}; ; {
		list, err := page(line, key)
		if err != nil {
			return err
		}
		for _, i := range list {
			if err := yield(i); err != nil {
				return err
			}
		}
		if len(list) < ItemPage {
			return nil
		}
		line, key = list[len(list)-1].Line, list[len(list)-1].Key
	}
}
