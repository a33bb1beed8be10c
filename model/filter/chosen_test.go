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
	for _, c := range []struct {
		text string
		j    *journey.Journey
		want bool
	}{
		{"", j, true}, {"tcp and dst port 80", j, true}, {"tcp and dst port 81", j, false}, {"src host 10.0.0.9", j, false},
		{"out eth1", j, true}, {"out eth2", j, false}, {"verdict drop", j, false},
		{"tcp and dst port 80", cut, true}, // its ports were not seen
		{"udp and dst port 80", cut, false},
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
