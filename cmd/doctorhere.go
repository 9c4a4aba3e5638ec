package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/units"
)

// What doctor looks at on this machine.

// settings says which settings are set, and where.
func (d *doctor) settings(context.Context) contract.Finding {
	var set []string
	for _, key := range config.Keys() {
		if v := d.inv.settings.Get(key.Name); v.Set() && v.Layer != config.LayerDefault {
			set = append(set, key.Name+" ("+v.Origin+")")
		}
	}
	detail := strings.Join(set, ", ")
	if len(set) == 0 {
		detail = "none is set: all are the defaults"
	}
	if n := len(d.inv.settings.Warnings); n > 0 {
		return warned(detail, fmt.Sprintf("%d warning%s above: narada config list shows what is in use.", n, plural(n != 1)))
	}
	return passed(detail)
}

// stateDir finds out whether something can be kept.
func (d *doctor) stateDir(context.Context) contract.Finding {
	dir, err := d.inv.stateDir()
	if err != nil {
		return failedBy(err)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d.firstTask(dir)
	case err != nil:
		return failed(err.Error(), "NARADA_STATE_DIR names another folder.")
	case !info.IsDir():
		return failed(dir+" is no folder", "NARADA_STATE_DIR names another.")
	}
	switch {
	case !canWrite(dir):
		return failed("nothing can be written in "+dir, "Make it writable, or name another folder in NARADA_STATE_DIR.")
	case info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/':
		return warned(fmt.Sprintf("%s has mode %04o", dir, info.Mode().Perm()), "Others can read what is kept there: chmod 700 "+output.ShellWord(dir)+" keeps them out.")
	}
	return passed(dir)
}

// firstTask finds out whether a folder that is not there can be made.
func (d *doctor) firstTask(dir string) contract.Finding {
	there := filepath.Dir(dir)
	for ; there != filepath.Dir(there); there = filepath.Dir(there) {
		if _, err := os.Stat(there); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if !canWrite(there) {
		return failed(fmt.Sprintf("%s is not there, and cannot be made in %s", dir, there), "Name another folder in NARADA_STATE_DIR.")
	}
	return passed(dir + ", which the first task makes")
}

func canWrite(dir string) bool {
	f, err := os.CreateTemp(dir, ".doctor-*")
	return err == nil && errors.Join(f.Close(), os.Remove(f.Name())) == nil
}

// ledgerLimit is the time that looking through the ledger may take.
const ledgerLimit = 10 * time.Second

func (d *doctor) ledger(ctx context.Context) contract.Finding {
	l, err := d.inv.existingLedger(ctx)
	if err != nil {
		return failedBy(err)
	}
	if l == nil {
		return skipped("nothing has been kept yet")
	}
	defer d.inv.closeLedger(l)
	limited, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	whole, err := l.Check(limited)
	switch {
	case limited.Err() != nil:
		return passed(units.Size(l.Size()) + "; too large to look through all of it")
	case err != nil:
		return failedBy(err)
	case whole != "":
		return failed("damaged: "+whole, "Move it away; a new one is made. narada history of the old one may still work.")
	}
	return passed(units.Size(l.Size()) + ", whole")
}

// proxy says through which proxy the API is reached.
func (d *doctor) proxy(context.Context) contract.Finding {
	base, err := d.baseURL()
	if err != nil {
		return skipped("the API's address is not one")
	}
	through, err := d.inv.proxy()(base)
	switch {
	case err != nil:
		return failed(explain(err), "Correct HTTPS_PROXY, or take it away.")
	case through == nil:
		return passed("none")
	}
	return passed(through.Redacted() + " (HTTPS_PROXY, HTTP_PROXY)")
}

func (d *doctor) baseURL() (*url.URL, error) {
	return narada.ParseBaseURL(d.inv.settings.Get(config.BaseURL).Text)
}
