//go:build unix

package postgres

import (
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// It takes longer than another write may.
func TestALargeCallbackIsStoredOverASlowConnection(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	p := newProxy(t, s)
	w := open(t, Options{URL: p.url(s), sendRate: 1 << 10}) // a minute for the callback
	w.must("req_0")
	p.next(passLate)
	isNew, err := w.Writes.Store(ctx, storetest.Callback("a", "req_1", strings.Repeat("x", 60<<10)), store.Forwarding{})
	if err != nil || !isNew {
		t.Errorf("%v, %v", isNew, err)
	}
	same(t, "transactions", 1, p.transactions())
}
