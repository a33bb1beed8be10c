package capability

import "golang.org/x/sys/unix"

// The capabilities that nfscope asks for (capabilities(7)).
const (
	NetAdmin = unix.CAP_NET_ADMIN
	NetRaw   = unix.CAP_NET_RAW
	SysAdmin = unix.CAP_SYS_ADMIN
)

// Has reports whether all of the capabilities are effective in the process's user
// namespace.
func Has(caps ...uint) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	for _, c := range caps {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return false
		}
	}
	return true
}
