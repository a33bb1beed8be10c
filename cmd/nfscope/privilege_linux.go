package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// capable reports whether the process has a capability in its user namespace.
func capable(c int) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}

// needAdmin refuses where netfilter may not be asked.
func needAdmin(what string) error {
	if capable(unix.CAP_NET_ADMIN) {
		return nil
	}
	return lacking(fmt.Errorf("%s needs the capability CAP_NET_ADMIN: run it with sudo; `nfscope demo` works without", what))
}
