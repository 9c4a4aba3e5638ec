//go:build unix

package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

func TestALargeCallbackIsStoredOverASlowConnection(t *testing.T) {
	t.Parallel()
	s := testServer(t)
	p := newProxy(t, s)
	p.rate = 2 * sendRate
	w := open(t, Options{URL: p.url(s)})
	text := strings.Repeat("x", int((writeLimit+time.Second)/time.Second)*p.rate)
	isNew, err := w.Writes.Store(ctx, storetest.Callback("a", "req_1", text), store.Forwarding{})
	if err != nil || !isNew {
		t.Errorf("%v, %v", isNew, err)
	}
}
