package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Lacks says what a lab needs and this machine has not, in a sentence; nil where nothing
// is known to be missing. Nothing is tried and nothing is built.
func Lacks(l *Lab) error {
	if _, _, err := resolve(l, find); err != nil {
		return err
	}
	for _, h := range l.Hosts {
		for _, s := range h.Services {
			if s.Do == "nfqueue" && !hasQueues("/proc/net/netfilter", modulesDir()) {
				return fmt.Errorf("host %s: start service %s: the kernel has no NFQUEUE for user space: nfnetlink_queue is neither loaded nor among its modules", h.Name, s.Name)
			}
		}
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

// hasQueues reports whether the kernel has nfnetlink_queue, or a module that is loaded when
// a queue is asked for. proc is where a kernel that has it lists its queues; modules is
// where its modules are. Where neither can be looked at nothing is known to be missing.
func hasQueues(proc, modules string) bool {
	if _, err := os.Stat(filepath.Join(proc, "nfnetlink_queue")); err == nil {
		return true
	}
	if _, err := os.Stat(proc); err != nil {
		return true
	}
	dep, err1 := os.ReadFile(filepath.Join(modules, "modules.dep"))
	builtin, err2 := os.ReadFile(filepath.Join(modules, "modules.builtin"))
	return err1 != nil && err2 != nil || strings.Contains(string(dep)+string(builtin), "/nfnetlink_queue.ko")
}

// modulesDir is where the modules of the running kernel are.
func modulesDir() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return filepath.Join("/lib/modules", strings.TrimSpace(string(release)))
}

func noBridge(key string) error {
	return fmt.Errorf("bridged packets do not meet iptables on this host: the kernel has no sysctl %s; `modprobe br_netfilter` as root loads what makes it", key)
}
