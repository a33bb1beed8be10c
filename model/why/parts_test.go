package why

import (
	"net/netip"
	"slices"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
)

// TestTuplesOf: a drop whose connection is known is of the flow by all ends that its packets may have.
func TestTuplesOf(t *testing.T) {
	p := udp(1)
	d := lost(10, p, "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0)
	x := &sight{packet: &p, drop: d}
	if got, want := tuplesOf(x), []model.Tuple{p.Tuple(), p.Tuple().Reverse()}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	d.Orig, d.Reply = p.Tuple(), p.Tuple().Reverse()
	d.Reply.Src = netip.MustParseAddr("10.3.0.3") // behind DNAT
	if got, want := tuplesOf(x), []model.Tuple{p.Tuple(), p.Tuple().Reverse(), d.Orig, d.Reply}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestTooLarge: the errors that ask for smaller packets, of both families, and no others.
func TestTooLarge(t *testing.T) {
	for _, c := range []struct {
		proto      model.Proto
		kind, code uint8
		want       bool
	}{
		{model.ProtoICMP, 3, 4, true}, {model.ProtoICMP, 3, 1, false}, {model.ProtoICMP, 2, 4, false}, {model.ProtoICMP, 2, 0, false},
		{model.ProtoICMPv6, 2, 0, true}, {model.ProtoICMPv6, 3, 4, false}, {model.ProtoICMPv6, 1, 4, false},
	} {
		if got := tooLarge(&model.Packet{Proto: c.proto, ICMPType: c.kind, ICMPCode: c.code}); got != c.want {
			t.Errorf("%s type %d code %d: %v", c.proto, c.kind, c.code, got)
		}
	}
}

// TestFragment: a TCP packet without its header has no numbers, so that the flow goes on behind its
// loss is all that tells.
func TestFragment(t *testing.T) {
	cut := with(seg(push, 5000, 1), func(p *model.Packet) { p.Transport = false })
	s := opened().rule(cut).pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)).seen
	tk := &talk{requests: Counts{Seen: 4, Dropped: 1, Delivered: 3}, replies: Counts{Seen: 2, Delivered: 2}}
	for _, j := range s.Journeys {
		tk.sights = append(tk.sights, &sight{journey: j, packet: &j.Packet, at: j.Start, reply: j.Packet.SPort == 80, fate: arrived})
	}
	x := tk.sights[3]
	if x.fate = byRule; !tk.bearable(x) {
		t.Error("it goes on, and is said not to")
	}
	if tk.sights = tk.sights[:5]; tk.bearable(x) {
		t.Error("nothing comes back, and it is said to go on")
	}
}
