package nflog

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// arm has legacy TRACE written to NFLOG group 0 in a namespace of a test's own.
func arm(t testing.TB, ns *netns.Handle) {
	t.Helper()
	nettest.Run(t, ns, "sysctl", "-qw", "net.netfilter.nf_log.2=nfnetlink_log", "net.netfilter.nf_log.10=nfnetlink_log")
}

// traced are raw table rules that trace UDP to port 4000, and the sentinel 4999,
// which they drop.
const traced = "*raw\n" +
	"-A PREROUTING -p udp -m multiport --dports 4000,4999 -j TRACE\n-A PREROUTING -p udp --dport 4999 -j DROP\n" +
	"-A OUTPUT -p udp -m multiport --dports 4000,4999 -j TRACE\n-A OUTPUT -p udp --dport 4999 -j DROP\nCOMMIT\n"

// listener collects the events of a namespace.
type listener struct {
	*nettest.Events
	r *Reader
}

func listen(t testing.TB, ns *netns.Handle, o Options) *listener {
	t.Helper()
	r, err := Open(ns, TraceGroup, o)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{nettest.Listen(t, r), r}
}

// untilSentinel gives the events up to the sentinel's.
func (l *listener) untilSentinel(t testing.TB) []journey.Event {
	t.Helper()
	return l.Until(t, func(e *journey.Event) bool {
		return e.Packet != nil && e.Packet.DPort == 4999
	})
}

type scenario struct {
	name string
	// v4 and v6 are rules in iptables-save's form, nft is native.
	v4, v6, nft string
	// from sends to an address; the router and the client can.
	from, to string
	want     string
}

var update = flag.Bool("update", false, "write testdata from what the kernel sends")

// about is the head of the scenario's testdata.
func (s *scenario) about() string {
	return fmt.Sprintf("%s, from %s to %s; written by go test -run TestSequences -update\n", s.name, s.from, s.to) + s.v4 + s.v6 + s.nft
}

func TestSequences(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "nft")
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			arm(t, n.Router)
			nettest.Feed(t, n.Router, traced+s.v4, "iptables-legacy-restore", "-w")
			if s.v6 != "" {
				nettest.Feed(t, n.Router, traced+s.v6, "ip6tables-legacy-restore", "-w")
			}
			if s.nft != "" {
				nettest.Feed(t, n.Router, s.nft, "nft", "-f", "-")
			}
			var cap nettest.Capture
			l := listen(t, n.Router, Options{tap: cap.Add})
			from, sentinel := n.Client, "10.1.0.1:4999"
			if s.from == "router" {
				from, sentinel = n.Router, "10.2.0.2:4999"
			} else if s.to[0] == '[' { // the same neighbour, or it could overtake
				sentinel = "[fd01::1]:4999"
			}
			nettest.SendUDP(t, from, 5000, s.to)
			nettest.SendUDP(t, from, 0, sentinel)
			var got []string
			var stamp time.Time
			for i, e := range l.untilSentinel(t) {
				if e.Seq != uint64(i) || e.Time.IsZero() || e.Source != journey.SourceLegacy || e.Verdict != model.VerdictUnknown {
					t.Errorf("event %d: %+v", i, e)
				}
				if !e.Stamp.IsZero() && !stamp.IsZero() && !e.Stamp.Equal(stamp) {
					t.Errorf("event %d has the stamp %v, an earlier one of the packet %v", i, e.Stamp, stamp)
				} else if !e.Stamp.IsZero() {
					stamp = e.Stamp
				}
				got = append(got, show(e))
			}
			if g, w := strings.Join(got, "\n"), strings.TrimSpace(s.want); g != w {
				t.Errorf("got:\n%s\nwant:\n%s", g, w)
			} else if *update {
				cap.Write(t, s.name, s.about(), func(b []byte) (string, error) {
					e, err := decodeEvent(&Decoder{}, b)
					return show(e), err
				})
			}
			if st := l.r.Stats(); st.Lost+st.Malformed+st.Unknown+st.Other > 0 || !st.Stamped {
				t.Errorf("stats: %+v", st)
			}
		})
	}
}

// A second reader of a group is refused, and told who has it.
func TestTaken(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip")
	ns := nettest.New(t, "taken")
	first, err := Open(ns, TraceGroup, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(ns, TraceGroup, Options{})
	if !errors.Is(err, ErrTaken) {
		t.Fatalf("a second reader got %v", err)
	}
	if want := regexp.MustCompile(`group 0 in namespace "nfs-test-.*" is read by (this process itself|.*netlink port \d+)`); !want.MatchString(err.Error()) {
		t.Errorf("the error %q does not match %s", err, want)
	}
	if other, err := Open(ns, 7, Options{}); err != nil {
		t.Errorf("another group: %v", err)
	} else {
		_ = other.Close()
	}
	if who, err := Holder(ns, 7); who != "" || err != nil {
		t.Errorf("group 7, which nobody reads, is read by %q, %v", who, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(ns, TraceGroup, Options{})
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A user's own log rule on the group is not a trace event, and not lost.
func TestOther(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	n := nettest.NewRouted(t)
	arm(t, n.Router)
	nettest.Feed(t, n.Router, traced+"*filter\n-A INPUT -p udp --dport 4000 -j NFLOG --nflog-prefix \"TRACE: not one\"\n-A INPUT -p udp --dport 4000 -j NFLOG --nflog-prefix \"mine \"\nCOMMIT\n", "iptables-legacy-restore", "-w")
	var other []Message
	l := listen(t, n.Router, Options{Other: func(m Message) { other = append(other, m) }})
	nettest.SendUDP(t, n.Client, 5000, "10.1.0.1:4000")
	nettest.SendUDP(t, n.Client, 0, "10.1.0.1:4999")
	l.untilSentinel(t)
	l.Cancel()
	if err := <-l.Ended; err != nil {
		t.Error(err)
	}
	if len(other) != 2 || other[0].Prefix != "TRACE: not one" || strings.TrimSpace(other[1].Prefix) != "mine" {
		t.Fatalf("other messages: %+v", other)
	}
	if m := other[1]; m.Hook != model.HookInput || m.In != "r0" || m.Packet == nil || m.Packet.DPort != 4000 || len(m.Payload) != 33 || m.Stamp.IsZero() {
		t.Errorf("the user's message: %+v", m)
	}
	if st := l.r.Stats(); st.Other != 2 || st.Lost != 0 {
		t.Errorf("stats: %+v", st)
	}
}

func TestCloseUnblocks(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip")
	ns := nettest.New(t, "close")
	nettest.CloseUnblocks(t, func() (nettest.Source, error) { return Open(ns, TraceGroup, Options{}) })
}
