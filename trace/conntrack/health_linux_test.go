package conntrack

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

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
	if err != nil || h.Count < 0 || count < 0 || h.Max <= 0 || h.Buckets <= 0 {
		t.Errorf("count %d and %d, max %d, buckets %d, %v", h.Count, count, h.Max, h.Buckets, err)
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
