package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// stateDir is where the batch is kept: a sandbox's goes with it.
func (b *batchRun) stateDir() (dir string, remove func(), err error) {
	if !b.o.answer.sandbox {
		dir, err = b.inv.stateDir()
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "narada-batch-")
	if err != nil {
		return "", nil, &exitError{code: codeUnexpected, text: err.Error(), err: err}
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// place finds the batch in the ledger, or makes its place there. earlier reports
// whether it was there.
func (b *batchRun) place(ctx context.Context, kept *sqlite.Store, book *batchBook, c *cloud, places []linePlace) (earlier bool, err error) {
	was, earlier, err := kept.Batch(ctx, b.name)
	if err != nil {
		return false, err
	}
	input := b.source.name
	if abs, err := filepath.Abs(input); err == nil && input != "-" {
		input = abs
	}
	is := store.Batch{Number: was.Number, Name: b.name, BegunAt: b.inv.app.start, Input: input, Cloud: c.baseURL.String(), Lines: b.total}
	if earlier {
		if was.Cloud != is.Cloud {
			return false, usageError("--name gives this one another name", "the batch %q is of the cloud at %s, and this is %s", b.name, was.Cloud, is.Cloud)
		}
		if err := b.compare(ctx, kept, was, input, places); err != nil {
			return false, err
		}
	}
	book.number, err = kept.PutBatch(ctx, is)
	return earlier, err
}

// compare notices an input that has changed since the batch was run last.
func (b *batchRun) compare(ctx context.Context, kept *sqlite.Store, was store.Batch, input string, places []linePlace) error {
	tally, err := kept.Tally(ctx, was.Number)
	if err != nil {
		return err
	}
	sent := tally.Sent()
	keys := make([][]byte, len(places))
	items := make([]store.Item, len(places))
	for i := range places {
		keys[i] = places[i].key[:]
		items[i] = store.Item{Key: keys[i], Line: places[i].number}
		if places[i].sum != (batch.Key{}) {
			items[i].Content = places[i].sum[:]
		}
	}
	known, err := kept.CountItems(ctx, was.Number, keys)
	if err != nil {
		return err
	}
	if sent > 0 && known == 0 {
		if input == "-" {
			return usageError("--name gives this one a name of its own: without it all that comes by a pipe is the batch stdin",
				"the batch %q was made of another input: none of the lines of %s is among the %d that were sent", b.name, b.source.title(), sent)
		}
		return usageError("--name gives this one another name", "the batch %q was made of another input: no line of %s is among the %d that were sent of %s", b.name, input, sent, was.Input)
	}
	changed, gone, err := kept.PlaceItems(ctx, was.Number, items)
	if err == nil {
		b.sayWhatChanged(was, changed, gone)
	}
	return err
}

// sayWhatChanged says how the input differs from that of the last run.
func (b *batchRun) sayWhatChanged(was store.Batch, changed, gone int) {
	if gone > 0 {
		b.inv.talk.Warn("changed", fmt.Sprintf("the input has changed: %d line%s that %s sent %s no longer in it; narada batch results %s has the results",
			gone, plural(gone != 1), verb(gone, "was", "were"), verb(gone, "is", "are"), output.ShellWord(b.name)))
	} else if was.Lines != b.total {
		b.inv.talk.Info("changed", fmt.Sprintf("the input has changed: it had %d lines, and has %d", was.Lines, b.total))
	}
	if changed == 0 {
		return
	}
	b.inv.talk.Warn("changed", fmt.Sprintf("the input has changed: %d line%s %s something else in %s than when %s sent, under the same id; the answers are to what was sent. With another id %s sent again",
		changed, plural(changed != 1), verb(changed, "has", "have"), verb(changed, "it", "them"), verb(changed, "it was", "they were"), verb(changed, "it is", "they are")))
}

// lockBatch keeps other processes from the batch.
func (inv *invocation) lockBatch(dir, name string) (unlock func(), err error) {
	unlock, err = batch.Lock(dir, name)
	if taken, ok := errors.AsType[*batch.TakenError](err); ok {
		return nil, usageError("--name runs it beside that as a batch of its own, and sends its tasks a second time", "%v", taken)
	}
	if err != nil {
		return nil, &exitError{code: codeUnexpected, text: err.Error(), err: err}
	}
	return unlock, nil
}
