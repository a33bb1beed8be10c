package lab

import (
	"fmt"
	"os"
	"strings"
)

// Lacks says what a lab needs and this machine has not, in a sentence; nil where nothing
// is known to be missing. Nothing is tried and nothing is built.
func Lacks(l *Lab) error {
	if _, _, err := resolve(l, find); err != nil {
		return err
	}
	for _, h := range l.Hosts {
		for key := range h.Sysctls {
			if !strings.HasPrefix(key, "net.bridge.") {
				continue
			}
			if _, err := os.Stat("/proc/sys/" + strings.ReplaceAll(key, ".", "/")); err != nil {
				return noBridge(key)
			}
		}
	}
	return nil
}

func noBridge(key string) error {
	return fmt.Errorf("bridged packets do not meet iptables on this host: the kernel has no sysctl %s; `modprobe br_netfilter` as root loads what makes it", key)
}
