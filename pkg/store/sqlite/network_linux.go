package sqlite

import "golang.org/x/sys/unix"

// Numbers from statfs(2) and linux/magic.h. 9P is left out: sandboxes use it for local
// disks, and SQLite reports an error where it does not work.
var networkTypes = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	0xff534d42:            "CIFS",
	0xfe534d42:            "SMB2",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	0x00c36400:            "Ceph",
	0x0bd00bd0:            "Lustre",
	0x47504653:            "GPFS",
	0x19830326:            "BeeGFS",
}

// networkFileSystem returns the type of dir's network file system, "" for any other.
func networkFileSystem(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return ""
	}
	return networkTypes[uint32(s.Type)]
}
