package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
)

// settings says which settings are set, and where.
func (d *Doctor) settings(context.Context) contract.Finding {
	var set []string
	for _, s := range d.Settings {
		set = append(set, s.Name+" ("+s.Origin+")")
	}
	detail := strings.Join(set, ", ")
	if len(set) == 0 {
		detail = "none is set: all are the defaults"
	}
	switch d.Warnings {
	case 0:
		return contract.Passed(detail)
	case 1:
		return contract.Warned(detail, "1 warning above: narada config list shows what is in use.")
	}
	return contract.Warned(detail, fmt.Sprintf("%d warnings above: narada config list shows what is in use.", d.Warnings))
}

// stateDir finds out whether something can be kept.
func (d *Doctor) stateDir(context.Context) contract.Finding {
	dir, err := d.StateDir()
	if err != nil {
		return d.failedWith(err)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missingDir(dir)
	case err != nil:
		return contract.Failed(err.Error(), "NARADA_STATE_DIR names another folder.")
	case !info.IsDir():
		return contract.Failed(dir+" is no folder", "NARADA_STATE_DIR names another.")
	case !canWrite(dir):
		return contract.Failed("nothing can be written in "+dir, "Make it writable, or name another folder in NARADA_STATE_DIR.")
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return contract.Warned(fmt.Sprintf("%s has mode %04o", dir, info.Mode().Perm()), "Others can read what is kept there: chmod 700 "+d.Quote(dir)+" keeps them out.")
	}
	return contract.Passed(dir)
}

// missingDir finds out whether a folder that is not there can be made.
func missingDir(dir string) contract.Finding {
	existing := filepath.Dir(dir)
	for ; existing != filepath.Dir(existing); existing = filepath.Dir(existing) {
		if _, err := os.Stat(existing); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if !canWrite(existing) {
		return contract.Failed(fmt.Sprintf("%s is not there, and cannot be made in %s", dir, existing), "Name another folder in NARADA_STATE_DIR.")
	}
	return contract.Passed(dir + ", which the first task makes")
}

func canWrite(dir string) bool {
	f, err := os.CreateTemp(dir, ".doctor-*")
	return err == nil && errors.Join(f.Close(), os.Remove(f.Name())) == nil
}

// ledger finds out whether what was kept can be read.
func (d *Doctor) ledger(ctx context.Context) contract.Finding {
	l, err := d.Ledger(ctx)
	if err != nil {
		return d.failedWith(err)
	}
	if l == nil {
		return contract.Skipped("nothing has been kept yet", "")
	}
	limited, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	damage, err := l.Check(limited)
	size := humanize.IBytes(uint64(l.Size()))
	closed := l.Close()
	switch {
	case limited.Err() != nil:
		return contract.Passed(size + "; too large to look through all of it")
	case err != nil:
		return d.failedWith(err)
	case damage != "":
		return contract.Failed("damaged: "+damage, "Move it away; a new one is made. narada history of the old one may still work.")
	case closed != nil:
		return d.failedWith(closed)
	}
	return contract.Passed(size + ", whole")
}

// proxy says through which proxy the API is reached.
func (d *Doctor) proxy(context.Context) contract.Finding {
	base, err := narada.ParseBaseURL(d.BaseURL)
	if err != nil {
		return contract.Skipped("the API's address is not one", "")
	}
	through, err := d.Proxy(base)
	switch {
	case err != nil:
		return contract.Failed(d.explained(err), "Correct HTTPS_PROXY, or take it away.")
	case through == nil:
		return contract.Passed("none")
	}
	return contract.Passed(through.Redacted() + " (HTTPS_PROXY, HTTP_PROXY)")
}
