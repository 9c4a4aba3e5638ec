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

	"github.com/dustin/go-humanize/english"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/units"
)

// settings lists the settings and their origins.
func (d *Doctor) settings(context.Context) contract.Finding {
	var set []string
	for _, s := range d.Settings {
		set = append(set, s.Name+" ("+s.Origin+")")
	}
	detail := strings.Join(set, ", ")
	if len(set) == 0 {
		detail = "none is set: all values are defaults"
	}
	if d.Warnings == 0 {
		return contract.Passed(detail)
	}
	return contract.Warned(detail, english.Plural(d.Warnings, "warning", "")+" above: narada config list shows the values in use.")
}

// stateDir checks whether the state folder can be written.
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
		return contract.Failed(err.Error(), "Set NARADA_STATE_DIR to another folder.")
	case !info.IsDir():
		return contract.Failed(dir+" is not a folder", "Set NARADA_STATE_DIR to another folder.")
	case atomicfile.CheckFolder(dir) != nil:
		return contract.Failed(dir+" is not writable", "Make it writable, or set NARADA_STATE_DIR to another folder.")
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return contract.Warned(fmt.Sprintf("%s has mode %04o", dir, info.Mode().Perm()), "Other users can read it. To prevent that: chmod 700 "+d.Quote(dir))
	}
	return contract.Passed(dir)
}

// missingDir checks whether a missing folder can be created.
func missingDir(dir string) contract.Finding {
	existing := filepath.Dir(dir)
	for ; existing != filepath.Dir(existing); existing = filepath.Dir(existing) {
		if _, err := os.Stat(existing); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if atomicfile.CheckFolder(existing) != nil {
		return contract.Failed(fmt.Sprintf("%s does not exist and cannot be created in %s", dir, existing), "Set NARADA_STATE_DIR to another folder.")
	}
	return contract.Passed(dir + ", which the first task creates")
}

// ledger checks whether the ledger can be read.
func (d *Doctor) ledger(ctx context.Context) contract.Finding {
	l, err := d.Ledger(ctx)
	if err != nil {
		return d.failedWith(err)
	}
	if l == nil {
		return contract.Skipped("no ledger yet", "")
	}
	limited, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	damages, err := l.Check(limited)
	size := units.Size(l.Size())
	closed := l.Close()
	switch {
	case limited.Err() != nil:
		return contract.Passed(size + "; too large to check completely")
	case err != nil:
		return d.failedWith(err)
	case len(damages) > 0:
		return contract.Failed("damaged: "+damages[0], "See all with narada store check. Move it away: the next task creates a new one. narada history may still read the old one.")
	case closed != nil:
		return d.failedWith(closed)
	}
	return contract.Passed(size + ", intact")
}

// proxy returns the proxy for the API.
func (d *Doctor) proxy(context.Context) contract.Finding {
	base, err := narada.ParseBaseURL(d.BaseURL)
	if err != nil {
		return contract.Skipped("the base URL is not valid", "")
	}
	through, err := d.Proxy(base)
	switch {
	case err != nil:
		return contract.Failed(d.explained(err), "Correct or unset HTTPS_PROXY.")
	case through == nil:
		return contract.Passed("none")
	}
	return contract.Passed(through.Redacted() + " (HTTPS_PROXY, HTTP_PROXY)")
}
