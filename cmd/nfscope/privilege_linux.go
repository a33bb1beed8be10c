package main

import (
	"fmt"

	"nfscope/trace/capability"
)

// needAdmin refuses where netfilter may not be asked.
func needAdmin(what string) error {
	if capability.Has(capability.NetAdmin) {
		return nil
	}
	return lacking(fmt.Errorf("%s needs the capability CAP_NET_ADMIN: run it with sudo; `nfscope demo` works without", what))
}
