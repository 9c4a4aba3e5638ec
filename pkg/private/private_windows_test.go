package private

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// list returns the access list of a file or folder.
func list(t *testing.T, path string) string {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return sd.String()
}

func TestOnlyTheUserTheSystemAndTheAdministratorsHaveAccess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	own, below := filepath.Join(dir, "own"), filepath.Join(dir, "below")
	for _, path := range []string{own, below} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Restrict(own); err != nil {
		t.Fatal(err)
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	access := []string{user.User.Sid.String(), "SY", "BA"}
	paths := []string{filepath.Dir(dir), dir, own, below}
	wine := windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
	if wine { // it keeps nothing of the administrators, and nothing is inherited
		access, paths = access[:2], paths[:3]
	}
	for _, path := range paths {
		got := list(t, path)
		if strings.Count(got, "(") != len(access) || !wine && path != below && !strings.HasPrefix(got, "D:P") {
			t.Errorf("%s: %s", path, got)
		}
		for _, who := range access {
			if !strings.Contains(got, ";FA;;;"+who+")") {
				t.Errorf("%s: %s: nothing for %s", path, got, who)
			}
		}
	}
}
