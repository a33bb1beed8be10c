package probe

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/nflog"
)

// find gives the finding of a feature.
func find(t *testing.T, l []Finding, feature string) Finding {
	t.Helper()
	i := slices.IndexFunc(l, func(f Finding) bool { return f.Feature == feature })
	if i < 0 {
		t.Fatalf("nothing is said of %s: %+v", feature, l)
	}
	return l[i]
}

// world is all that a look may change.
func world(t *testing.T, ns *netns.Handle) string {
	t.Helper()
	return nettest.Run(t, ns, "sh", "-c", "nft list ruleset; cat /proc/net/ip_tables_names /proc/net/ip6_tables_names /proc/net/netfilter/nf_log; sysctl -a 2>/dev/null | grep -E '^net.netfilter.(nf_conntrack_(acct|events|timestamp)|nf_log)'; ip -o link; ip -o addr")
}

// quiet reports that conntrack does not see what is sent over lo.
func quiet(t *testing.T, ns *netns.Handle) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		c, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		return err
	})
	if n := strings.TrimSpace(nettest.Run(t, ns, "conntrack", "-C")); n != "0" {
		t.Errorf("conntrack has %s entries: looking has switched it on", n)
	}
}

func TestFindings(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft", "conntrack", "sysctl", "sh")
	t.Parallel()
	const legacy = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j DROP\nCOMMIT\n"
	for _, c := range []struct {
		name string
		make func(*testing.T, *netns.Handle)
		want []Finding // Says is a part
	}{
		{"nothing", func(*testing.T, *netns.Handle) {}, []Finding{
			{"CAP_NET_ADMIN", Works, "", ""}, {"nft", Works, "/", ""}, {"legacy tables", Works, "", ""}, {"arming by owner table", Works, "", ""},
			{"nf_tables trace", Works, "", ""}, {"legacy trace", Works, "", ""}, {"conntrack", Works, "", ""},
			{"nf_log owner IPv4", Works, "; set to nfnetlink_log while a trace of legacy tables is armed, then put back", ""},
			{"NFLOG group 0", Works, "free for the legacy trace", ""}, {"conntrack events", Works, "", ""},
			{"conntrack accounting", Off, "no packets and bytes per connection", "sysctl -w net.netfilter.nf_conntrack_acct=1"},
			{"conntrack timestamps", Off, "no start time per connection", "sysctl -w net.netfilter.nf_conntrack_timestamp=1"},
			{"backends in use", Note, "none: no table is registered here", ""}}},
		{"legacy and nft", func(t *testing.T, ns *netns.Handle) {
			nettest.Feed(t, ns, legacy, "iptables-legacy-restore")
			nettest.Feed(t, ns, "table inet fw {\n}\ntable ip x {\n}\n", "nft", "-f", "-")
		}, []Finding{{"backends in use", Note, "iptables-legacy (1 table), nftables (2 tables): legacy and nf_tables both decide, and a drop in either wins", ""}}},
		{"nft only", func(t *testing.T, ns *netns.Handle) { nettest.Feed(t, ns, "table inet fw {\n}\n", "nft", "-f", "-") },
			[]Finding{{"backends in use", Note, "nftables (1 table)", ""}}},
		{"accounting, timestamps, no events", func(t *testing.T, ns *netns.Handle) {
			nettest.Run(t, ns, "sysctl", "-w", "net.netfilter.nf_conntrack_acct=1", "net.netfilter.nf_conntrack_timestamp=1", "net.netfilter.nf_conntrack_events=0")
		}, []Finding{{"conntrack accounting", Works, "packets and bytes per connection", ""}, {"conntrack timestamps", Works, "start time per connection", ""},
			{"conntrack events", Off, "connections are seen by dumps only", "sysctl -w net.netfilter.nf_conntrack_events=1"}}},
		{"logger and group taken", func(t *testing.T, ns *netns.Handle) {
			nettest.Run(t, ns, "sysctl", "-w", "net.netfilter.nf_log.2=nfnetlink_log")
			r, err := nflog.Open(ns, nflog.TraceGroup, nflog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.Close() })
		}, []Finding{{"nf_log owner IPv4", Note, "nfnetlink_log already", ""}, {"nf_log owner IPv6", Works, "put back", ""},
			{"NFLOG group 0", Off, "read by this process itself: the legacy trace cannot run beside it", "give the other program another group (ulogd: group=1), or stop it while tracing"},
			{"legacy trace", Works, "", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) { // one after another: a process tries in one namespace
			ns := nettest.New(t, "host")
			nettest.Run(t, ns, "ip", "link", "set", "lo", "up")
			c.make(t, ns)
			before := world(t, ns)
			got := Run(context.Background(), ns)
			if after := world(t, ns); after != before {
				t.Errorf("looking has changed the namespace:\n%s\nwas:\n%s", after, before)
			}
			quiet(t, ns)
			for _, w := range c.want {
				f := find(t, got, w.Feature)
				if f.State != w.State || !strings.Contains(f.Says, w.Says) || f.Fix != w.Fix {
					t.Errorf("%s: %+v\nwant %+v", w.Feature, f, w)
				}
			}
			for _, f := range got {
				if f.Says == "" || (f.State == Off || f.State == Missing) && f.Fix == "" && f.Feature != "live labs without root" {
					t.Errorf("%s is %s and nothing is said of what to do: %+v", f.Feature, f.State, f)
				}
			}
		})
	}
	if l, err := netns.List(fmt.Sprintf("nfs-doctor-%d-", os.Getpid())); err != nil || len(l) > 0 {
		t.Errorf("left behind: %v, %v", l, err)
	}
}
