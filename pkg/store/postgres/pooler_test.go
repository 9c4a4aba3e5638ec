//go:build unix

package postgres

import (
	"errors"
	"testing"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// newPooler starts a pgbouncer in transaction mode before the server of the tests.
func newPooler(t testing.TB) *postgrestest.Pooler {
	t.Helper()
	p, err := testServer(t).Pool(ctx, 20)
	if errors.Is(err, postgrestest.ErrNoPooler) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { check(t, p.Close()) })
	return p
}

func TestConformanceThroughAPooler(t *testing.T) {
	t.Parallel()
	p := newPooler(t)
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		return storetest.Opener{Name: p.URL("postgres") + " " + schema(), Open: openStore}
	})
}

func TestThroughAPoolerFollowersLookByThemselves(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: newPooler(t).URL("postgres")})
	seen := w.again().follow()
	w.must("req_1")
	expect(t, seen, "req_1")
	if !w.server.pooler || w.wake.started {
		t.Error("the pooler was not noticed")
	}
	s, err := Examine(ctx, Options{URL: w.o.URL, Schema: w.o.Schema})
	must(t, err)
	same(t, "doctor says", "a pooler may give each transaction another connection", s.Polling)
}
