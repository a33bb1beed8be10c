package arm_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/trace/arm"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// both is a way to arm: rules that look at connections, in a namespace where nothing
// else does. There conntrack comes and goes with them.
const both = "both"

func bothOptions() arm.Options {
	f, err := filter.Parse("dst port 9 or src host 10.1.0.9 or not dst net fd00::/8")
	if err != nil {
		panic(err)
	}
	return arm.Options{Filter: f, Both: true, Tracked4: true, Tracked6: true}
}

// tracks reports whether conntrack is at work: whether a packet makes an entry.
func tracks(t *testing.T, ns *netns.Handle) bool {
	t.Helper()
	count := func() (n int) {
		b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(b), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	on := false
	for _, to := range []string{"127.0.0.1:4321", "[::1]:4321"} {
		nettest.Do(t, ns, func() error {
			before := count()
			c, err := net.Dial("udp", to)
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte("x"))
			on = on || count() > before
			return err
		})
	}
	return on
}

// TestBothOnlyWhereItIs: a family's connections are looked at only where conntrack is
// said to be at work for it.
func TestBothOnlyWhereItIs(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	for _, c := range []struct {
		v4, v6 bool
		note   string
	}{{false, false, "no rule is known that has conntrack at work here"}, {true, false, "a limit of its own"}, {false, true, "a limit of its own"}, {true, true, "a limit of its own"}} {
		t.Run(fmt.Sprint(c.v4, c.v6), func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "both")
			o := bothOptions()
			o.Tracked4, o.Tracked6 = c.v4, c.v6
			a := arming(t, ns, o)
			tables := nettest.Run(t, ns, "nft", "list", "tables")
			if strings.Contains(tables, "table ip nfscope_") != c.v4 || strings.Contains(tables, "table ip6 nfscope_") != c.v6 {
				t.Errorf("tables:\n%s", tables)
			}
			if st := a.State(); !st.Both || st.Table == "" || !strings.Contains(strings.Join(st.Notes, "\n"), c.note) {
				t.Errorf("state %+v", st)
			}
			if on := tracks(t, ns); on != (c.v4 || c.v6) {
				t.Errorf("conntrack is at work: %v", on)
			}
			if _, _, err := a.Held(t.Context()); err != nil {
				t.Error(err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			nothingLeft(t, ns)
			if tracks(t, ns) {
				t.Error("conntrack is still at work")
			}
		})
	}
}

// TestBothWithoutAFamily: where the connections of one family cannot be looked at, that is said,
// and the other's are.
func TestBothWithoutAFamily(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "taken")
	nettest.Run(t, ns, "nft", "add", "table", "ip", fmt.Sprintf("nfscope_%d_1", os.Getpid())) // the name is taken
	a := arming(t, ns, bothOptions())
	notes := strings.Join(a.State().Notes, "\n")
	if !strings.Contains(notes, "ICMP errors of routers, are not traced for IPv4: ") || strings.Contains(notes, "for IPv6") {
		t.Errorf("notes:\n%s", notes)
	}
	if tables := nettest.Run(t, ns, "nft", "list", "tables"); !strings.Contains(tables, "table ip6 nfscope_") {
		t.Errorf("tables:\n%s", tables)
	}
	if _, _, err := a.Held(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBothRulesSayWhatTheFilterSays holds the rules that look at connections against
// the kernel: of every shot the packet itself is armed by its headers or by its
// connection when the filter of both directions matches it, and else not.
func TestBothRulesSayWhatTheFilterSays(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	for _, text := range []string{"dst port 7", "src port 7 or src port 8000", "udp and not dst port 7", "host 10.2.0.2 and not icmp",
		"src net 10.2.0.0/16", "dst net fd01::/16", "proto 99", "ip6 and src portrange 7990-8010", "not udp"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			w := newWatch(t, n.Router, "forward")
			f := parse(t, text)
			a := arming(t, n.Router, arm.Options{Filter: f, Both: true, Tracked4: true, Tracked6: true, Rate: 10000})
			for _, s := range shots() {
				s.fire(t, n.Client)
				traced, p := w.traced(t, func(p *model.Packet) bool { return s.is(p) })
				if want := f.Both().Packet(&p, "r0", "r1") == filter.Yes; traced != want {
					t.Errorf("%s: traced %v, want %v", s.name, traced, want)
				}
			}
			if text == "dst port 7" { // two, and what is known by its connection: that nobody listens there
				if traced, held := counted(t, a, 4); traced != 4 || held != 0 {
					t.Errorf("traced %d, held %d, want 4", traced, held)
				}
			}
		})
	}
}

// TestStates: who asks what conntrack made of a packet does not switch it on, and asks only
// at the hooks where packets are traced.
func TestStates(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	for _, c := range []struct {
		filter, want string
		both         bool
	}{
		{filter: "udp", want: "output_199 prerouting_199"},
		{filter: "udp and in r0", want: "prerouting_199"},
		{filter: "udp and dst port 9", both: true}, // those that know the connection stand there already
		{filter: "ip or ip6", both: true, want: "output_199 prerouting_199"},
	} {
		t.Run(c.filter, func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "states")
			a := arming(t, ns, arm.Options{Filter: parse(t, c.filter), States: true, Both: c.both})
			list := strings.Fields(nettest.Run(t, ns, "nft", "list", "chains", "inet"))
			var got []string
			for i, w := range list {
				if i > 0 && list[i-1] == "chain" && strings.HasSuffix(w, "_199") {
					got = append(got, w)
				}
			}
			if sent := slices.Contains(list, "output"); sent == strings.Contains(c.filter, "in r0") {
				t.Errorf("a chain for what is sent from here: %v", sent)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("chains behind conntrack %q, want %q", got, c.want)
			}
			if tracks(t, ns) {
				t.Error("conntrack is at work")
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			nothingLeft(t, ns)
		})
	}
}
