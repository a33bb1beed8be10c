package filter

import (
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
)

func TestChose(t *testing.T) {
	t.Parallel()
	j := &journey.Journey{Closed: true, In: "eth0", Out: "eth1", Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP,
		Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: 4000, DPort: 80, Transport: true}}
	cut := &journey.Journey{Closed: true, Packet: j.Packet}
	cut.Packet.Transport = false
	// nf_tables shows 40 bytes of an IPv6 header: what is behind destination options is cut off.
	options := &journey.Journey{Closed: true, Packet: model.Packet{Family: model.FamilyIPv6, Proto: 60, Extended: true,
		Src: netip.MustParseAddr("fd01::2"), Dst: netip.MustParseAddr("fd02::2")}}
	whole := &journey.Journey{Closed: true, Packet: options.Packet}
	whole.Packet.Proto, whole.Packet.SPort, whole.Packet.DPort, whole.Packet.Transport = model.ProtoUDP, 4000, 80, true
	fragment := &journey.Journey{Closed: true, Packet: options.Packet}
	fragment.Packet.Proto, fragment.Packet.FragOffset = model.ProtoUDP, 1280
	for _, c := range []struct {
		text string
		j    *journey.Journey
		want bool
	}{
		{"", j, true}, {"tcp and dst port 80", j, true}, {"tcp and dst port 81", j, false}, {"src host 10.0.0.9", j, false},
		{"out eth1", j, true}, {"out eth2", j, false}, {"verdict drop", j, false},
		{"tcp and dst port 80", cut, true}, // its ports were not seen
		{"udp and dst port 80", cut, false},
		{"udp", options, true}, {"tcp or udp", options, true}, {"udp and dst port 80", options, true}, {"port 80", options, true},
		{"not tcp", options, true}, {"ip and udp", options, false}, {"udp and dst host fd02::3", options, false},
		{"udp and dst port 80", whole, true}, {"udp and dst port 81", whole, false}, {"tcp", whole, false},
		{"tcp", fragment, false}, {"udp", fragment, true}, {"udp port 80", fragment, true},
	} {
		f, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Chose(c.j); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}
