package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/store"
)

func TestTheServerOfASharedLedgerIsChecked(t *testing.T) {
	well := store.Server{Where: "narada on db1:5432", Version: "15.3", Role: "narada", Schema: "narada", Settings: "fsync on", RoundTrip: 1234 * time.Microsecond}
	changed := func(change func(*store.Server)) store.Server {
		s := well
		change(&s)
		return s
	}
	for name, test := range map[string]struct {
		server store.Server
		err    error
		want   []string
	}{
		"well": {well, nil, []string{
			"store PASS PostgreSQL 15.3, database narada on db1:5432: ", "store-rights PASS the role narada, schema narada: ", "store-settings PASS fsync on: ",
			"store-speed PASS round trip 1.23ms: ", "store-listen PASS the server notifies of answers (LISTEN): ", "store-transactions PASS no transaction is older than 10 minutes: ",
		}},
		"gone": {store.Server{}, hinted{"it cannot be reached", "start it"}, []string{"store FAIL it cannot be reached: start it", "store-rights SKIP the store was not reached: "}},
		"no rights": {changed(func(s *store.Server) { s.Grant = "GRANT it" }), nil, []string{
			"store-rights FAIL the role narada, schema narada: rights are missing: An administrator runs: GRANT it",
		}},
		"few rights": {changed(func(s *store.Server) { s.Fixed = true }), nil, []string{
			"store-rights WARN the role narada, schema narada: the role cannot change the tables: A later version of narada may have to: have it started once by a role that can.",
		}},
		"unsafe": {changed(func(s *store.Server) { s.Unusable = hinted{"fsync is off", "turn it on"} }), nil, []string{"store-settings FAIL fsync is off: turn it on"}},
		"far":    {changed(func(s *store.Server) { s.RoundTrip = time.Second }), nil, []string{"store-speed WARN round trip 1s: Each callback waits for one round trip and the server's disk: use a server that is nearer."}},
		"a pooler": {changed(func(s *store.Server) { s.Polling = "a pooler" }), nil, []string{
			"store-listen WARN narada looks for answers several times a second: a pooler: For faster answers, connect without the pooler, or raise max_connections.",
		}},
		"an old transaction": {changed(func(s *store.Server) { s.Oldest, s.OldestPID = 3*time.Hour, 12 }), nil, []string{
			"store-transactions WARN a transaction is 3h0m0s old: Until it ends, the server cannot remove old rows and gets slower. An administrator runs: SELECT pg_terminate_backend(12)",
		}},
	} {
		o := wellOptions(t)
		o.Server = func(context.Context) (store.Server, error) { return test.server, test.err }
		o.Ledger = func(context.Context) (Ledger, error) { return nil, errors.New("not the ledger of this machine") }
		var got []string
		for f := range New(o).Run(t.Context()) {
			if f.Test == "ledger" {
				t.Error("the ledger of this machine was checked")
			}
			if strings.HasPrefix(f.Test, "store") {
				got = append(got, describe(f))
			}
		}
		if len(got) != 6 {
			t.Errorf("%s: %q", name, got)
		}
		for _, want := range test.want {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %s", name, cmp.Diff(test.want, got))
			}
		}
	}
}

func describe(f contract.Finding) string {
	return fmt.Sprintf("%s %s %s: %s", f.Test, f.Verdict, f.Detail, f.Advice)
}
