package doctor

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/narada-cli/narada/pkg/contract"
)

func TestSettingsCheckListsSettingsAndWarnings(t *testing.T) {
	two := []Setting{{"agent", "flag --agent"}, {"timeout", "environment NARADA_TIMEOUT"}}
	for name, test := range map[string]struct {
		settings []Setting
		warnings int
		want     contract.Finding
	}{
		"none":          {nil, 0, contract.Passed("none is set: all values are defaults")},
		"two":           {two, 0, contract.Passed("agent (flag --agent), timeout (environment NARADA_TIMEOUT)")},
		"a warning":     {two[:1], 1, contract.Warned("agent (flag --agent)", "1 warning above: narada config list shows the values in use.")},
		"more warnings": {nil, 2, contract.Warned("none is set: all values are defaults", "2 warnings above: narada config list shows the values in use.")},
	} {
		t.Run(name, func(t *testing.T) {
			judge(t, New(Options{Settings: test.settings, Warnings: test.warnings}).settings(t.Context()), test.want)
		})
	}
}

func TestStateDirCheckReportsWhetherTheFolderIsWritable(t *testing.T) {
	root := t.TempDir()
	mkdir := func(name string, mode os.FileMode) string {
		dir := filepath.Join(root, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	private, open, missing := mkdir("private", 0o700), mkdir("open", 0o755), filepath.Join(root, "a", "b")
	tests := map[string]struct {
		dir  string
		err  error
		want contract.Finding
	}{
		"there":              {private, nil, contract.Passed(private)},
		"missing":            {missing, nil, contract.Passed(missing + ", which the first task creates")},
		"folder unknown":     {"", hinted{"HOME is not set", "set it"}, contract.Failed("HOME is not set", "set it")},
		"a file":             {file, nil, contract.Failed(file+" is not a folder", "Set NARADA_STATE_DIR to another folder.")},
		"invalid name":       {"a\x00b", nil, contract.Failed("stat a\x00b: invalid argument", "Set NARADA_STATE_DIR to another folder.")},
		"readable by others": {open, nil, contract.Warned(open+" has mode 0755", "Other users can read it. To prevent that: chmod 700 '"+open+"'")},
		"not writable":       {"/proc", nil, contract.Failed("/proc is not writable", "Make it writable, or set NARADA_STATE_DIR to another folder.")},
		"cannot be created":  {"/proc/none/state", nil, contract.Failed("/proc/none/state does not exist and cannot be created in /proc", "Set NARADA_STATE_DIR to another folder.")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && name != "there" && name != "missing" && name != "a file" || runtime.GOOS != "linux" && strings.HasPrefix(test.dir, "/proc") {
				t.Skip("only on Linux")
			}
			d := New(Options{StateDir: func() (string, error) { return test.dir, test.err }, Quote: func(s string) string { return "'" + s + "'" }, Explain: explain})
			judge(t, d.stateDir(t.Context()), test.want)
		})
	}
	left, err := filepath.Glob(filepath.Join(root, "*", ".doctor-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("files left: %q, %v", left, err)
	}
	if _, err := os.Stat(filepath.Dir(missing)); err == nil {
		t.Error("the folder was created")
	}
}

// kept is a Ledger for tests.
type kept struct {
	damages          []string
	err, closeErr    error
	endless, wasOpen bool
}

func (k *kept) Check(ctx context.Context) ([]string, error) {
	if k.endless {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return k.damages, k.err
}

func (k *kept) Size() int64 { return 40 << 10 }

func (k *kept) Close() error {
	k.wasOpen = true
	return k.closeErr
}

func TestLedgerCheckReportsDamage(t *testing.T) {
	broken := hinted{"it is broken", "mend it"}
	for name, test := range map[string]struct {
		ledger *kept
		err    error
		want   contract.Finding
	}{
		"none":             {nil, nil, contract.Skipped("no ledger yet", "")},
		"cannot be opened": {nil, broken, contract.Failed("it is broken", "mend it")},
		"whole":            {&kept{}, nil, contract.Passed("40 KiB, intact")},
		"cannot be read":   {&kept{err: broken}, nil, contract.Failed("it is broken", "mend it")},
		"cannot be closed": {&kept{closeErr: broken}, nil, contract.Failed("it is broken", "mend it")},
		"damaged":          {&kept{damages: []string{"page 7", "page 8"}}, nil, contract.Failed("damaged: page 7", "See all with narada store check. Move it away: the next task creates a new one. narada history may still read the old one.")},
		"too large":        {&kept{endless: true}, nil, contract.Passed("40 KiB; too large to check completely")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(Options{Explain: explain, Ledger: func(context.Context) (Ledger, error) {
					if test.ledger == nil {
						return nil, test.err
					}
					return test.ledger, nil
				}})
				judge(t, d.ledger(t.Context()), test.want)
				if test.ledger != nil && !test.ledger.wasOpen {
					t.Error("the ledger was not closed")
				}
			})
		})
	}
}

func TestProxyCheckNamesTheProxy(t *testing.T) {
	for name, test := range map[string]struct {
		base, proxy string
		err         error
		want        contract.Finding
	}{
		"none":           {"https://api.example/v2", "", nil, contract.Passed("none")},
		"one":            {"https://api.example/v2", "http://me:s3cret@proxy.example:3128", nil, contract.Passed("http://me:xxxxx@proxy.example:3128 (HTTPS_PROXY, HTTP_PROXY)")},
		"cannot be read": {"https://api.example/v2", "", errors.New("no proxy"), contract.Failed("no proxy", "Correct or unset HTTPS_PROXY.")},
		"without an API": {"ftp://api.example/", "", nil, contract.Skipped("the base URL is not valid", "")},
	} {
		t.Run(name, func(t *testing.T) {
			d := New(Options{BaseURL: test.base, Explain: explain, Proxy: func(to *url.URL) (*url.URL, error) {
				if to.String() != test.base {
					t.Errorf("asked for the proxy to %s", to)
				}
				if test.err != nil || test.proxy == "" {
					return nil, test.err
				}
				return url.Parse(test.proxy)
			}})
			judge(t, d.proxy(t.Context()), test.want)
		})
	}
}
