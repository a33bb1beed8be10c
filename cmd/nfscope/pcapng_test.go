package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/pcapng"
)

// packets keeps what is written.
type packets []pcapng.Packet

func (p *packets) Packet(x pcapng.Packet) error {
	*p = append(*p, x)
	return nil
}

// TestCapture: a packet is written as it came, where it came in or, of the host's own, went out;
// with --left once more what was sent on, when and where it left, with all that was changed.
func TestCapture(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	after := start.Add(time.Millisecond)
	packet := func(src, dst string, sport, dport uint16) model.Packet {
		return model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: sport, DPort: dport, Transport: true, Length: 60, TTL: 64}
	}
	came := packet("10.1.0.2", "203.0.113.1", 4000, 80)
	left := packet("203.0.113.1", "10.2.0.2", 1024, 8080)
	left.TTL, left.TOS = 63, 16
	came6, left6 := packet("fd00::2", "2001:db8::1", 4000, 80), packet("2001:db8::7", "2001:db8::9", 4001, 81)
	echo6, echoed6 := packet("fd00::2", "2001:db8::1", 0, 0), packet("2001:db8::7", "2001:db8::1", 0, 0)
	steps := []journey.Step{{Time: start, Packet: journey.Delta{{Field: "tos", Value: "16"}}}, {Time: after, Packet: journey.Delta{{Field: "ttl", Value: "63"}}}}
	for _, c := range []struct {
		name    string
		in, out string
		verdict string
		once    bool // without --left
		nat     *journey.NAT
		steps   []journey.Step
		came    model.Packet
		left    *model.Packet
	}{
		{"forwarded, both ends changed", "eth0", "eth1", journey.Accepted, false,
			&journey.NAT{Src: []string{"10.1.0.2:4000", "203.0.113.1:1024"}, Dst: []string{"203.0.113.1:80", "10.2.0.2:8080"}}, steps, came, &left},
		{"IPv6", "eth0", "eth1", journey.Accepted, false, &journey.NAT{Src: []string{"[fd00::2]:4000", "[2001:db8::7]:4001"}, Dst: []string{"[2001:db8::1]:80", "[2001:db8::9]:81"}}, nil, came6, &left6},
		{"IPv6 without ports", "eth0", "eth1", journey.Accepted, false, &journey.NAT{Src: []string{"fd00::2", "2001:db8::7"}}, nil, echo6, &echoed6},
		{"as it came", "eth0", "eth1", journey.Accepted, true, nil, steps, came, nil},
		{"dropped on its way out", "eth0", "eth1", journey.Dropped, false, nil, steps, came, nil},
		{"delivered", "eth0", "", journey.Accepted, false, nil, steps, came, nil},
		{"the host's own", "", "eth1", journey.Accepted, false, nil, steps, came, nil},
	} {
		var got packets
		w := &capture{w: &got, left: !c.once}
		j := &journey.Journey{Number: 7, Start: start, In: c.in, Out: c.out, Packet: c.came, Steps: c.steps, NAT: c.nat, Outcome: journey.Outcome{Verdict: c.verdict, Sentence: "sent on"}}
		if err := w.put(j); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !strings.HasPrefix(got[0].Comment, "#7 udp ") {
			t.Errorf("%s: the comment is %q", c.name, got[0].Comment)
		}
		want := packets{{Time: start, Interface: c.in, Direction: pcapng.In, Headers: c.came, Comment: got[0].Comment}}
		if c.in == "" {
			want[0].Direction = pcapng.Out
		}
		if c.left != nil {
			p := pcapng.Packet{Time: start, Interface: c.out, Direction: pcapng.Out, Headers: *c.left, Comment: "#7 as it left: sent on"}
			if c.steps != nil {
				p.Time = after
			}
			want = append(want, p)
		}
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s: want (-), got (+):\n%s", c.name, d)
		}
	}
}
