package drops

import (
	"os"
	"path/filepath"
	"strings"

	"nfscope/trace/netns"
)

// Hidden is a bridge that may pass on packets of a family that no hook of IP sees: br_netfilter is
// not there, or its sysctl is off in the namespace; "" where there is none, or nobody can tell. A
// bridge of one port passes on nothing. That one bridge alone may call the hooks (its nf_call_iptables)
// is not looked up.
func Hidden(ns *netns.Handle, v4, v6 bool) string {
	seen := true
	if err := ns.Do(func() error {
		seen = (!v4 || calls("bridge-nf-call-iptables")) && (!v6 || calls("bridge-nf-call-ip6tables"))
		return nil
	}); err != nil || seen {
		return ""
	}
	conn, err := ns.Rtnetlink()
	if err != nil {
		return ""
	}
	defer conn.Close()
	list, err := conn.LinkList()
	if err != nil {
		return ""
	}
	ports := map[int]int{}
	for _, l := range list {
		ports[l.Attrs().MasterIndex]++
	}
	for _, l := range list {
		if l.Type() == "bridge" && ports[l.Attrs().Index] > 1 {
			return l.Attrs().Name
		}
	}
	return ""
}

// calls reports whether a sysctl of br_netfilter is on in the calling thread's namespace.
func calls(name string) bool {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net/bridge", name))
	return err == nil && strings.TrimSpace(string(b)) != "0"
}
