package ui

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
)

// statuses are those that tasks can have.
var statuses = [...]narada.Status{narada.StatusPending, narada.StatusSuccess, narada.StatusError, narada.StatusInputRequired, store.StatusUnknown, store.StatusRefused}

// sources are what can have sent tasks.
var sources = [...]string{"run", "dispatch", "batch", store.SourceCallback, store.SourceTrigger}

// errFilter says that a value in the URL selects nothing that there can be.
var errFilter = errors.New("wrong filter")

// checkFilters returns an error that is errFilter if the query of a URL has a wrong value. A
// name means the same on each page; the text of a search and the name of a batch may be any.
func checkFilters(values url.Values, now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values.Get(name)
		if value == "" {
			continue
		}
		var err error
		switch name {
		case "status":
			err = oneOf(value, statuses[:]...)
		case "source":
			err = oneOf(value, sources[:]...)
		case "verdict":
			err = oneOf(value, "accepted", "refused")
		case "by":
			err = oneOf(value, string(history.ByDay), string(history.ByAgent), string(history.ByBatch))
		case "lines":
			err = oneOf(value, lineLists[0].name, lineLists[1].name, lineLists[2].name)
		case "since":
			_, err = sinceOf(value, now)
		case "below", "after", "accepted-below", "refused-below":
			if _, parsed := strconv.ParseUint(value, 10, 63); parsed != nil {
				err = fmt.Errorf("%q is not a number of the ledger", value)
			}
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errFilter, name, err)
		}
	}
	return nil
}

// oneOf returns an error unless the value is one of those.
func oneOf[S ~string](value string, values ...S) error {
	var names []string
	for _, v := range values {
		if names = append(names, string(v)); string(v) == value {
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", value, strings.Join(names, ", "))
}

// sinceOf returns the time that the text names, as --since does; "all" is the zero time.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "all" {
		return time.Time{}, nil
	}
	return units.ParseTime(text, now)
}
