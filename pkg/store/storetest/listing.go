package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/narada-cli/narada/pkg/store"
)

// Listing returns all that can be read from a ledger, as indented JSON. Ledgers with the
// same listing have the same content.
func Listing(ctx context.Context, s Store) (string, error) {
	var l listing
	err := s.Tasks(ctx, store.Query{}, func(t store.Task) error {
		listed, err := listTask(ctx, s, t)
		l.Tasks = append(l.Tasks, listed)
		return err
	})
	if err != nil {
		return "", err
	}
	err = s.Batches(ctx, func(b store.Batch, tally store.Tally) error {
		listed := listedBatch{Batch: b, Tally: tally}
		err := s.EachItem(ctx, b.Number, func(i store.ItemTask) error {
			listed.Lines = append(listed.Lines, listedLine{i.Key, i.Line, i.ID, i.Mismatch, i.Task.Number, i.CallbackURL, i.Window})
			return nil
		})
		l.Batches = append(l.Batches, listed)
		return err
	})
	if err != nil {
		return "", err
	}
	if l.Last, err = s.Last(ctx); err != nil {
		return "", err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(l)
	return text.String(), err
}

type listing struct {
	Last    int64
	Tasks   []listedTask
	Batches []listedBatch
}

type listedTask struct {
	Task      store.Task
	Request   string
	Result    string
	Callbacks []listedCallback
	Refusals  []store.Refusal
	Forwards  []listedForward
	Events    []store.Event
}

type listedCallback struct {
	store.Delivery
	Body string
}

type listedForward struct {
	store.Forward
	Header http.Header
	Body   string
}

type listedBatch struct {
	Batch store.Batch
	Tally store.Tally
	Lines []listedLine
}

type listedLine struct {
	Key                 []byte
	Line                int
	ID, Mismatch        string
	Task                int64
	CallbackURL, Window string
}

func listTask(ctx context.Context, s Store, t store.Task) (l listedTask, err error) {
	l.Task = t
	request, err := s.Request(ctx, t)
	if err != nil {
		return l, err
	}
	l.Request = string(request)
	result, err := s.Final(ctx, t)
	if err != nil {
		return l, err
	}
	if result != nil {
		l.Result = string(result.Raw())
	}
	callbacks, err := s.Deliveries(ctx, t)
	if err != nil {
		return l, err
	}
	for _, c := range callbacks {
		l.Callbacks = append(l.Callbacks, listedCallback{c, string(c.Body)})
	}
	if l.Refusals, err = s.Refusals(ctx, t); err != nil {
		return l, err
	}
	forwards, err := s.Forwards(ctx, t)
	if err != nil {
		return l, err
	}
	for _, f := range forwards {
		header, body, _, err := s.ForwardContent(ctx, f)
		if err != nil {
			return l, err
		}
		l.Forwards = append(l.Forwards, listedForward{f, header, string(body)})
	}
	l.Events, err = s.Events(ctx, t)
	return l, err
}
