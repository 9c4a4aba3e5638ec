package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/contract"
)

// What is slow, and what is old.
const (
	slowRoundTrip  = 50 * time.Millisecond
	oldTransaction = 10 * time.Minute
)

// store checks whether the server of a ledger that machines share can be reached.
func (d *Doctor) store(ctx context.Context) contract.Finding {
	s, err := d.Server(ctx)
	if err != nil {
		text, advice := d.Explain(err)
		if advice == "narada doctor" {
			advice = "Start the server, or correct its address: narada config set store postgres://ROLE@HOST/DATABASE"
		}
		return contract.Failed(text, advice)
	}
	d.server = &s
	return contract.Passed("PostgreSQL " + s.Version + ", database " + s.Where)
}

// ofServer makes a check of what is known of the server.
func ofServer(check func(*Doctor) contract.Finding) func(*Doctor, context.Context) contract.Finding {
	return func(d *Doctor, _ context.Context) contract.Finding {
		if d.server == nil {
			return contract.Skipped("the store was not reached", "")
		}
		return check(d)
	}
}

// storeRights checks what the role may do.
func (d *Doctor) storeRights() contract.Finding {
	detail := "the role " + d.server.Role + ", schema " + d.server.Schema
	switch {
	case d.server.Grant != "":
		return contract.Failed(detail+": rights are missing", "An administrator runs: "+d.server.Grant)
	case d.server.Fixed:
		return contract.Warned(detail+": the role cannot change the tables", "A later version of narada may have to: have it started once by a role that can.")
	}
	return contract.Passed(detail)
}

// storeSettings checks whether the server keeps what it has committed.
func (d *Doctor) storeSettings() contract.Finding {
	if d.server.Unusable != nil {
		return d.failedWith(d.server.Unusable)
	}
	return contract.Passed(d.server.Settings)
}

// storeSpeed checks how far the server is.
func (d *Doctor) storeSpeed() contract.Finding {
	detail := "round trip " + d.server.RoundTrip.Round(10*time.Microsecond).String()
	if d.server.RoundTrip > slowRoundTrip {
		return contract.Warned(detail, "Each callback waits for one round trip and the server's disk: use a server that is nearer.")
	}
	return contract.Passed(detail)
}

// storeListen checks whether the server can notify.
func (d *Doctor) storeListen() contract.Finding {
	if d.server.Polling != "" {
		return contract.Warned("narada looks for answers several times a second: "+d.server.Polling, "For faster answers, connect without the pooler, or raise max_connections.")
	}
	return contract.Passed("the server notifies of answers (LISTEN)")
}

// storeTransactions checks for old transactions.
func (d *Doctor) storeTransactions() contract.Finding {
	if d.server.Oldest < oldTransaction {
		return contract.Passed("no transaction is older than 10 minutes")
	}
	detail := fmt.Sprintf("a transaction is %s old", d.server.Oldest.Round(time.Minute))
	return contract.Warned(detail, fmt.Sprintf("Until it ends, the server cannot remove old rows and gets slower. An administrator runs: SELECT pg_terminate_backend(%d)", d.server.OldestPID))
}
