package live

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/netns"
)

// sysctls are those that decide what becomes of packets or what is told of them, as
// paths below /proc/sys (Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst).
func sysctls() []string {
	return []string{
		"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/*/rp_filter", "net/ipv4/conf/*/route_localnet",
		"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables", "net/bridge/bridge-nf-call-arptables",
		"net/netfilter/nf_conntrack_acct", "net/netfilter/nf_conntrack_timestamp", "net/netfilter/nf_conntrack_events",
		"net/netfilter/nf_conntrack_tcp_loose", "net/netfilter/nf_conntrack_tcp_be_liberal",
		"net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_count", "net/netfilter/nf_log/2", "net/netfilter/nf_log/10",
	}
}

// facts reads what a recording should say of the host. What is not there is left out.
func facts(ns *netns.Handle) (out []feed.Fact) {
	_ = ns.Do(func() error { // without it there are none
		for _, pattern := range sysctls() {
			names, _ := filepath.Glob("/proc/sys/" + pattern) // the patterns are good
			slices.Sort(names)
			for _, name := range names {
				if b, err := os.ReadFile(name); err == nil {
					out = append(out, feed.Fact{Name: strings.TrimPrefix(name, "/proc/sys/"), Value: strings.TrimSpace(string(b))})
				}
			}
		}
		return nil
	})
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	for _, p := range []struct{ name, flag string }{{"iptables-legacy", "-V"}, {"iptables-nft", "-V"}, {"nft", "-v"}, {"ipset", "-v"}} {
		path, err := exec.LookPath(p.name)
		if err != nil {
			path, err = exec.LookPath("/usr/sbin/" + p.name)
		}
		if err != nil {
			continue
		}
		if b, err := exec.CommandContext(ctx, path, p.flag).Output(); err == nil {
			first, _, _ := strings.Cut(string(b), "\n")
			out = append(out, feed.Fact{Name: p.name, Value: strings.TrimSpace(first)})
		}
	}
	return out
}
