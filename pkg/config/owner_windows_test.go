package config

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

func TestAFileOfTheSystemIsNotOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), projectFileName)
	write(t, path, "agent: core\n")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if why := notOurs(f); why != "" {
		t.Errorf("our own file %s", why)
	}
	system, err := windows.CreateWellKnownSid(windows.WinLocalSystemSid)
	if err != nil {
		t.Fatal(err)
	}
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION, system, nil, nil, nil); err != nil {
		t.Skip("a file cannot be given away without the right to: ", err)
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	if owner, _, err := sd.Owner(); err != nil || !owner.Equals(system) {
		t.Skip("Wine keeps no other owner: ", owner, err)
	}
	if why := notOurs(f); why != "belongs to another user" {
		t.Errorf("got %q", why)
	}
}
