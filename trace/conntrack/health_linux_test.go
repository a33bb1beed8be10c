package conntrack

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/health"
	"nfscope/trace/nettest"
)

// TestHealth holds the statistics against conntrack -S and conntrack -C.
func TestHealth(t *testing.T) {
	t.Parallel()
	n, ns := setUp(t)
	for range 5 {
		talk(t, n.Client, "udp", "10.2.0.2:7")
	}
	r := open(t, ns)
	h, err := r.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	count, err := strconv.Atoi(strings.TrimSpace(nettest.Run(t, ns, "conntrack", "-C")))
	if err != nil || h.Count < 0 || count < 0 {
		t.Errorf("count %d and %d, %v", h.Count, count, err)
	}
	for name, got := range map[string]int{"max": h.Max, "buckets": h.Buckets, "expect_max": h.MaxExpected} {
		if want := nettest.Run(t, ns, "sysctl", "-n", "net.netfilter.nf_conntrack_"+name); strconv.Itoa(got) != strings.TrimSpace(want) {
			t.Errorf("%s is %d, sysctl says %s", name, got, want)
		}
	}
	if !h.Shared { // only the first namespace may set it
		t.Error("the maximum is this namespace's own")
	}
	printed := map[uint16]map[string]uint64{}
	for _, l := range strings.Split(strings.TrimSpace(nettest.Run(t, ns, "conntrack", "-S")), "\n") {
		m, id := map[string]uint64{}, uint16(0)
		for _, f := range strings.Fields(l) {
			name, value, _ := strings.Cut(f, "=")
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			if name == "cpu" {
				id = uint16(n)
			}
			m[name] = n
		}
		printed[id] = m
	}
	if len(printed) != len(h.CPUs) || len(h.CPUs) == 0 {
		t.Fatalf("%d CPUs, conntrack -S has %d", len(h.CPUs), len(printed))
	}
	for _, c := range h.CPUs {
		told := 0
		for k := range health.Kinds {
			want, ok := printed[c.ID][k.String()]
			if c.Has&(1<<k) == 0 {
				continue
			}
			told++
			if ok && uint64(c.Counts[k]) != want {
				t.Errorf("CPU %d: %s %d, conntrack -S %d", c.ID, k, c.Counts[k], want)
			}
		}
		if told < 9 {
			t.Errorf("CPU %d tells %d statistics: %+v", c.ID, told, c)
		}
	}
}

// TestDecodeStats: which statistic stands in which attribute (enum ctattr_stats_cpu,
// nfnetlink_conntrack.h): most are 0 on a machine that is well.
func TestDecodeStats(t *testing.T) {
	b := []byte{0, 0, 0x12, 0x34} // struct nfgenmsg with the CPU's number
	for typ := range uint16(18) {
		b = append(b, attr(typ, binary.BigEndian.AppendUint32(nil, 1000+uint32(typ)))...)
	}
	want := health.CPU{ID: 0x1234, Has: 1<<health.Kinds - 1}
	for k, typ := range map[health.Kind]uint32{health.Found: 2, health.Invalid: 4, health.Insert: 8, health.InsertFailed: 9, health.Drop: 10, health.EarlyDrop: 11,
		health.Error: 12, health.SearchRestart: 13, health.ClashResolve: 14, health.ChainTooLong: 15} {
		want.Counts[k] = 1000 + typ
	}
	if got, err := decodeStats(b); err != nil || got != want {
		t.Errorf("%+v %v, expected %+v", got, err, want)
	}
}

// TestWatchHealth: what conntrack does is told again and again.
func TestWatchHealth(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	r := open(t, nettest.New(t, "health"))
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	if err := r.WatchHealth(ctx, time.Millisecond, func(i feed.Item) {
		if n++; i.Health != nil && n == 3 {
			stop()
		}
	}); err != nil || n < 3 {
		t.Errorf("told %d times: %v", n, err)
	}
}

// TestDelete: one entry goes, its neighbours stay; a second time it is said to be gone,
// and one that took its tuple is left alone.
func TestDelete(t *testing.T) {
	t.Parallel()
	n, ns := setUp(t)
	for _, a := range []string{"10.2.0.2:7", "[fd02::2]:7"} {
		talk(t, n.Client, "udp", a)
		talk(t, n.Client, "tcp", a)
	}
	ping(t, n.Client, "10.2.0.2", 77)
	ping(t, n.Client, "fd02::2", 78)
	r := open(t, ns)
	flows, _ := list(t, r)
	deleted := 0
	for _, f := range flows {
		if p := f.Orig.Tuple.Proto; p.ICMP() && f.Orig.Tuple.SPort != 77 && f.Orig.Tuple.SPort != 78 {
			continue
		}
		before := strings.Contains(nettest.Run(t, ns, "conntrack", "-L", "-o", "id"), fmt.Sprintf("id=%d", f.ID)) ||
			strings.Contains(nettest.Run(t, ns, "conntrack", "-L", "-f", "ipv6", "-o", "id"), fmt.Sprintf("id=%d", f.ID))
		other := *f
		other.ID++
		if err := r.Delete(&other); err == nil {
			t.Errorf("%s: deleted by another ID", f.Line())
		}
		if err := r.Delete(f); err != nil {
			t.Errorf("%s: %v", f.Line(), err)
			continue
		}
		deleted++
		all := nettest.Run(t, ns, "conntrack", "-L", "-o", "id") + nettest.Run(t, ns, "conntrack", "-L", "-f", "ipv6", "-o", "id")
		if !before || strings.Contains(all, fmt.Sprintf("id=%d ", f.ID)) || strings.Contains(all, fmt.Sprintf("id=%d\n", f.ID)) {
			t.Errorf("%s is still in conntrack -L, or never was (%v):\n%s", f.Line(), before, all)
		}
		if err := r.Delete(f); err == nil || !strings.Contains(err.Error(), "not there any more") {
			t.Errorf("%s twice: %v", f.Line(), err)
		}
	}
	if deleted != 6 {
		t.Errorf("%d flows deleted, expected 6", deleted)
	}
}

// TestDeleteInZones: of flows with one tuple that of the zone goes, and no other.
func TestDeleteInZones(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "conntrack")
	ns := nettest.New(t, "zones")
	for _, zone := range []string{"-w 5", "-w 6", "", "--orig-zone 7 --sport 9"} { // its reply is of no zone
		nettest.Run(t, ns, "sh", "-c", "conntrack -I -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 2 -t 300 "+zone)
	}
	r := open(t, ns)
	for left := 4; left > 0; left-- {
		flows, _ := list(t, r)
		if len(flows) != left {
			t.Fatalf("%d flows are left, expected %d", len(flows), left)
		}
		f := flows[left/2]
		if err := r.Delete(f); err != nil {
			t.Fatalf("zone %d, %d of the original direction: %v", f.Zone, f.Orig.Zone, err)
		}
	}
}

// TestTableTells: what is known of the table as a whole is what its sysctls say, and how much
// could not be read.
func TestTableTells(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "sysctl")
	ns := nettest.New(t, "tells")
	r := open(t, ns)
	const names = "net.netfilter.nf_conntrack_"
	for _, c := range [][3]bool{{true, false, false}, {false, true, true}, {true, true, false}} {
		for i, name := range []string{"acct", "timestamp", "events"} {
			nettest.Run(t, ns, "sysctl", "-qw", names+name+"="+map[bool]string{false: "0", true: "1"}[c[i]])
		}
		if tab := r.table(); tab.Accounting != c[0] || tab.Timestamps != c[1] || tab.Told != c[2] || tab.Timeouts["udp_timeout"] != 30 || !tab.Ready {
			t.Errorf("%v: %+v", c, tab)
		}
	}
	plain := attributes(t, 17, nil)
	r.events([][]byte{packed(t, ctNew, append(plain, attr(99, nil)...)), {1, 2}, {3}}, func(feed.Item) {})
	if tab := r.table(); tab.Unread != 2 || tab.Strange != 1 {
		t.Errorf("%d could not be read, %d attributes are not known; expected 2, 1", tab.Unread, tab.Strange)
	}
}

// FuzzDecodeStats must not panic.
func FuzzDecodeStats(f *testing.F) {
	f.Add([]byte{2, 0, 0, 1, 8, 0, 2, 0, 0, 0, 0, 5})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeStats(b); err == nil && len(b) < 4 {
			t.Errorf("%x gives %+v", b, c)
		}
	})
}
