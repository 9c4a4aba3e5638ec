package engine

import (
	"context"
	"errors"
	"iter"

	"github.com/narada-cli/narada/pkg/store"
)

// FollowPage is the number of callbacks that a Follower looks at in one read.
const FollowPage = 256

// ErrStopped says that the reader of a Follower wants no more.
var ErrStopped = errors.New("stopped")

// Follower reads the new callbacks of a ledger in their order, each once.
type Follower struct {
	After  int64               // the number of the last one that was looked at
	Wanted func() store.Wanted // nil: all, those of this Store too
	Own    *Own

	// Newest returns the number of the newest callback.
	Newest func(context.Context) (int64, error)
	// Seqs returns the first FollowPage numbers after After, up to newest: all, or those that
	// are wanted. known is false if it is not known yet which of them are this Store's.
	Seqs func(ctx context.Context, newest int64, all bool, w store.Wanted) (list []int64, known bool, err error)
	// Entry returns a callback; ok is false if it was pruned in the meantime.
	Entry func(ctx context.Context, seq int64) (e store.Entry, ok bool, err error)
}

// Read yields new callbacks, and reports whether there may be more. Bodies are read one by
// one, to bound memory and to leave those unread that are not wanted. The error is ErrStopped
// if yield returns false.
func (f *Follower) Read(ctx context.Context, yield func(store.Entry) bool) (more bool, err error) {
	newest, err := f.Newest(ctx)
	if err != nil || newest <= f.After {
		return false, err
	}
	all, w := f.Wanted == nil, store.Wanted{}
	if !all {
		w = f.Wanted() // after newest was read: who wants more later looks for it in the ledger
	}
	list, known, err := f.Seqs(ctx, newest, all, w)
	if err != nil || !known {
		return false, err
	}
	for _, seq := range list {
		if all || !f.Own.Has(seq) {
			e, ok, err := f.Entry(ctx, seq)
			if err != nil {
				return false, err
			}
			if ok && !yield(e) {
				return false, ErrStopped
			}
		}
		f.After = seq
	}
	if more = len(list) == FollowPage; !more {
		f.After = newest
	}
	f.Own.Forget(f.After)
	return more, nil
}

// Entries returns what run yields. An error of run that is neither ErrStopped nor due to the
// end of ctx is the last item.
func Entries(ctx context.Context, run func(yield func(store.Entry) bool) error) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		err := run(func(e store.Entry) bool { return yield(e, nil) })
		if err != nil && !errors.Is(err, ErrStopped) && ctx.Err() == nil {
			yield(store.Entry{}, err)
		}
	}
}
