package config

import (
	"os"

	"golang.org/x/sys/windows"
)

// notOurs says why another user may have written the file, "" if only those who may write in
// its folder can. What a user makes with the rights of an administrator belongs to all of these.
func notOurs(f *os.File) string {
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return "cannot be examined"
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return "cannot be examined"
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil || !owner.Equals(user.User.Sid) && !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return "belongs to another user"
	}
	return ""
}
