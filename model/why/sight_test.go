package why

import (
	"slices"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// TestSights: which of what was traced and dropped is a packet of the flow, and what became
// of it.
func TestSights(t *testing.T) {
	f, err := filter.Parse("ip or ip6")
	if err != nil {
		t.Fatal(err)
	}
	icmpv6 := func(kind uint8) model.Packet {
		return model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoICMPv6, Transport: true, ICMPType: kind}
	}
	drops := func(p model.Packet) *journey.Journey { return traced(10, p, journey.Dropped, drops9) }
	passes := func(p model.Packet) *journey.Journey { return traced(10, p, journey.Accepted, journey.Culprit{}) }
	half := func(j *journey.Journey) *journey.Journey { j.Half, j.Path = 2, journey.PathOutput; return j }
	in := func(place string) *drop.Drop {
		return lost(9, udp(1), "NO_SOCKET", place, drop.StationSocket, 0)
	}
	ack := lost(10, tcp(model.ACK, 2, 3), "TCP_OLD_ACK", "tcp_ack", drop.StationSocket, 0)
	queue := lost(10, udp(1), "NOT_SPECIFIED", "nf_queue", drop.StationNetfilter, model.HookForward)
	for _, c := range []struct {
		name    string
		journey *journey.Journey
		drop    *drop.Drop
		want    []fate
	}{
		{"dropped by a rule", drops(udp(1)), nil, []fate{byRule}},
		{"a copy that a rule made", but(drops(udp(1)), func(j *journey.Journey) { j.CopyOf = 7 }), nil, nil},
		{"sent to itself, to be seen again", half(passes(udp(1))), nil, nil},
		{"sent to itself, as it comes in", but(half(passes(udp(1))), func(j *journey.Journey) { j.Path = journey.PathInput }), nil, []fate{arrived}},
		{"sent to itself, and dropped there", half(drops(udp(1))), nil, []fate{byRule}},
		{"neighbour discovery", drops(icmpv6(135)), nil, nil},
		{"a report of groups", drops(icmpv6(143)), nil, nil},
		{"an echo", drops(icmpv6(128)), nil, []fate{byRule}},
		{"dropped by the kernel", nil, in("udp_rcv"), []fate{byKernel}},
		{"neighbour discovery, dropped", nil, lost(9, icmpv6(135), "NOT_SPECIFIED", "ndisc_rcv", drop.StationSocket, 0), nil},
		{"several that were counted", nil, but(in("udp_rcv"), func(d *drop.Drop) { d.Count = 2 }), nil},
		{"a copy for a capture", nil, in("packet_rcv"), nil},
		{"acknowledged already, as every flow has", passes(ack.Packet), ack, []fate{arrived}},
		{"behind all rules", passes(udp(1)), in("udp_rcv"), []fate{byKernel}},
		{"a rule handed it to nobody", drops(udp(1)), queue, []fate{byQueue}},
	} {
		s := Seen{Filter: f, Began: begin, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}}
		if c.journey != nil {
			s.Journeys = []*journey.Journey{c.journey}
		}
		if c.drop != nil {
			s.Drops = []*drop.Drop{c.drop}
		}
		var got []fate
		for _, x := range sights(&s, drop.Meanings()) {
			got = append(got, x.fate)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestTo: where a packet was sent on to, behind NAT with ports and without.
func TestTo(t *testing.T) {
	for to, want := range map[string]string{"10.3.0.3:53": "10.3.0.3:53", "10.3.0.3": "10.3.0.3:0", "": "10.2.0.2:9"} {
		j := traced(10, udp(1), journey.Accepted, journey.Culprit{})
		if to != "" {
			j.NAT = &journey.NAT{Dst: []string{"10.2.0.2:9", to}}
		}
		if got := (&sight{journey: j, packet: &j.Packet}).to(); got.String() != want {
			t.Errorf("%q: %s, want %s", to, got, want)
		}
	}
}
