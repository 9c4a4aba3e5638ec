package batch

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Store keeps batches and their lines. *sqlite.Store implements it.
type Store interface {
	Reader
	store.Writer

	Task(ctx context.Context, requestID string) (t store.Task, ok bool, err error)
	Items(ctx context.Context, batch int64, keys [][]byte) ([]store.ItemTask, error)
	PlaceItems(ctx context.Context, batch int64, items []store.Item) (known, changed, gone int, err error)
	SetMismatch(ctx context.Context, batch int64, key []byte, text string) error

	Works(ctx context.Context, batch int64) ([]store.Work, error)
	Claimed(ctx context.Context, owner string, call int64) ([]store.Claimed, error)
	FinishedLines(ctx context.Context, batch, after int64, limit int) (keys [][]byte, last int64, err error)
}

// place is a line's position in the input. There may be millions.
type place struct {
	key, sum Key
	number   int
}

// Item returns the line for the store and the engine, without its prompt.
func (l Line) Item(batch int64) store.Item {
	i := store.Item{Batch: batch, Key: slices.Clone(l.Key[:]), Line: l.Number, ID: l.ID}
	if l.Sum != (Key{}) {
		i.Content = slices.Clone(l.Sum[:])
	}
	return i
}

// OtherBatchError is a batch of the same name with another input or cloud.
type OtherBatchError struct {
	Was, Is store.Batch
	Sent    int      // sent lines, none of which is in the input; 0: another cloud
	Changed []string // as SettingsChanged has them
}

func (e *OtherBatchError) Error() string {
	if e.Sent == 0 {
		return fmt.Sprintf("the batch %q belongs to the API at %s, not %s", e.Is.Name, e.Was.Cloud, e.Is.Cloud)
	}
	text := fmt.Sprintf("the batch %q has another input: none of the %d lines sent from %s is in %s", e.Is.Name, e.Sent, e.Was.Input, e.Is.Input)
	if e.Is.Input == stdinPath {
		text = fmt.Sprintf("the batch %q has another input: none of its %d sent lines is in stdin", e.Is.Name, e.Sent)
	}
	if len(e.Changed) > 0 {
		text += "; changed since lines were last sent: " + strings.Join(e.Changed, ", ")
	}
	return text
}

// Hint says how to run the input.
func (e *OtherBatchError) Hint() string {
	reason := ""
	if e.Is.Input == stdinPath {
		reason = ", as the default for a pipe is stdin"
	}
	return "set another name with --name" + reason + "; or send all lines with --restart, which forgets the earlier runs"
}

// record is a batch in the store: as an earlier run has left it, and as this one will.
type record struct {
	was, is store.Batch
	earlier bool // there was a run
	restart bool // its lines are forgotten
	sent    int  // lines that were sent
	open    int  // of them, those whose tasks are or may be running
}

// find looks the batch up in the store, and compares it with the input unless it is to be
// restarted.
func (b *Batch) find(ctx context.Context, w Backend) (r record, err error) {
	if r.was, r.earlier, err = w.Store.Batch(ctx, b.o.Name); err != nil {
		return r, err
	}
	r.restart = b.o.Restart
	input := b.o.Path
	if abs, err := filepath.Abs(input); err == nil && input != stdinPath {
		input = abs
	}
	r.is = store.Batch{
		Number: r.was.Number, Name: b.o.Name, BegunAt: b.o.Start, Input: input, Cloud: w.Cloud, Lines: len(b.places), Settings: b.settings(),
	}
	if !r.earlier {
		return r, nil
	}
	tally, err := w.Store.Tally(ctx, r.was.Number)
	if err != nil {
		return r, err
	}
	r.sent, r.open = tally.Sent(), tally[narada.StatusPending]+tally[narada.StatusInputRequired]+tally[store.StatusUnknown]
	switch {
	case !b.o.Restart && r.was.Cloud != r.is.Cloud:
		return r, &OtherBatchError{Was: r.was, Is: r.is}
	case !b.o.Restart:
		return r, b.compare(ctx, w.Store, r)
	case r.sent > 0:
		if err := notHeld(ctx, w.Store, r.was); err != nil {
			return r, err
		}
		return r, b.o.Confirm(ctx, r.sent, r.open)
	}
	return r, nil
}

// put stores the batch, and forgets its lines if it is restarted. The settings stay those of
// the lines that were sent until settle. Another machine may have begun the batch since find.
func (b *Batch) put(ctx context.Context, w Backend, r record) (number int64, err error) {
	put := &store.PutBatch{Batch: r.is}
	if len(r.kept()) > 0 {
		put.Batch.Settings = r.was.Settings
	}
	ops := []store.Op{put}
	if r.earlier && b.o.Restart {
		ops = append(ops, &store.RestartBatch{Batch: r.was.Number, At: b.o.Start})
	}
	if err = w.Store.Write(ctx, ops...); err == nil && len(ops) > 1 {
		b.o.Report(Restarted{r.sent, r.open})
	}
	if err == nil || r.earlier {
		return put.Number, err
	}
	now, failed := b.find(ctx, w)
	if failed != nil || !now.earlier {
		return 0, cmp.Or(failed, err)
	}
	return b.put(ctx, w, now)
}

// settle stores settings that have changed, before lines are sent with them. A run that sends
// none does not change them: the next one warns again.
func (b *Batch) settle(ctx context.Context, s Store, r record, t Tally) error {
	if len(r.kept()) == 0 || t.Earlier == t.Total {
		return nil
	}
	return s.Write(ctx, &store.PutBatch{Batch: r.is})
}

// kept returns what has changed since lines were sent that are not sent again.
func (r record) kept() []string {
	if !r.earlier || r.sent == 0 || r.restart {
		return nil
	}
	return r.changed()
}

// compare reports whether the input has changed since the last run.
func (b *Batch) compare(ctx context.Context, s Store, r record) error {
	items := make([]store.Item, len(b.places))
	for i, p := range b.places {
		items[i] = Line{Key: p.key, Sum: p.sum, Number: p.number}.Item(r.was.Number)
	}
	known, changed, gone, err := s.PlaceItems(ctx, r.was.Number, items)
	if err != nil {
		return err
	}
	if r.sent > 0 && known == 0 {
		return &OtherBatchError{r.was, r.is, r.sent, r.changed()}
	}
	if changed > 0 || gone > 0 || r.was.Lines != r.is.Lines {
		b.o.Report(InputChanged{Lines: r.is.Lines, WasLines: r.was.Lines, Gone: gone, Different: changed})
	}
	return nil
}

// subjects are the parts of store.Batch.Settings, and what people call them.
var subjects = []struct{ key, name string }{
	{"prompt", "--prompt"}, {"agent", "--agent"}, {"schema", "--schema"}, {"flags", "task flags"},
}

// settings returns what the tasks have in common, as digests.
func (b *Batch) settings() string {
	digests := b.o.Template.Digests()
	digests["prompt"] = ""
	if b.o.Prompt != nil {
		key := sum("prompt", []byte(b.o.Prompt.text))
		digests["prompt"] = hex.EncodeToString(key[:])
	}
	doc, _ := json.Marshal(digests) // strings only: it cannot fail
	return string(doc)
}

// changed returns what the tasks have in common and is not as in the last run.
func (r record) changed() (names []string) {
	var was, is map[string]string
	if json.Unmarshal([]byte(r.was.Settings), &was) != nil || json.Unmarshal([]byte(r.is.Settings), &is) != nil {
		return nil // it is not known
	}
	for _, s := range subjects {
		if before, ok := was[s.key]; ok && before != is[s.key] {
			names = append(names, s.name)
		}
	}
	return names
}

// Delete deletes the batch of that name from the store in dir. Its tasks remain. The error may
// be ErrNoBatch or a *TakenError.
func Delete(ctx context.Context, s Store, dir, name string) error {
	if _, err := named(ctx, s, name); err != nil {
		return err
	}
	unlock, err := lockAndFree(ctx, s, dir, name)
	if err != nil {
		return err
	}
	defer unlock()
	b, err := named(ctx, s, name)
	if err == nil {
		err = notHeld(ctx, s, b)
	}
	if err != nil {
		return err
	}
	return s.Write(ctx, &store.DeleteBatch{Batch: b.Number})
}

// notHeld returns a *TakenError if workers hold lines of the batch.
func notHeld(ctx context.Context, s Store, b store.Batch) error {
	list, err := s.Works(ctx, b.Number)
	if err == nil && len(list) > 0 && list[0].InFlight > 0 {
		err = &TakenError{Name: b.Name}
	}
	return err
}
