package trace

import (
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/ui/component/canvas"
)

// TestPacketWords: where IPv6 addresses have no room, ports and flags still stand in the list.
func TestPacketWords(t *testing.T) {
	const long, short = "fd00:1111:2222:3333:4444:5555:6666:7777", "fd00:1:2:3::5"
	of := func(src, dst string) *model.Packet {
		p := &model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoTCP, SPort: 40000, DPort: 80, Transport: true}
		p.Src, p.Dst = netip.MustParseAddr(src), netip.MustParseAddr(dst)
		return p
	}
	for _, c := range []struct {
		p    *model.Packet
		w    int
		want string
	}{
		{of(short, long), 100, "tcp [fd00:1:2:3::5]:40000 > [fd00:1111:2222:3333:4444:5555:6666:7777]:80"},
		{of(short, long), 60, "tcp [fd00:1:2:3::5]:40000 > [fd00:1111:222…555:6666:7777]:80"},
		{of(short, long), 50, "tcp [fd00:1:2:3::5]:40000 > [fd00:111…666:7777]:80"},
		{of(long, short), 44, "tcp [fd00:1…:7777]:40000 > [fd00:1…:3::5]:80"},
		{of(long, long), 42, "tcp [fd00:…:7777]:40000 > [fd00:…:7777]:80"},
		{of(long, long), 38, "tcp [fd00:…:7777]:40000 > [fd00:…:777…"},
		{of("10.0.0.1", "10.0.0.2"), 25, "tcp 10.0.0.1:40000 > 10.…"},
		{of("::1", "::1"), 10, "tcp [::1]…"},
	} {
		if got := packetWords(c.p, c.w, "…"); got != c.want || canvas.Width(got) > c.w {
			t.Errorf("%d cells: %q, %d wide, want %q", c.w, got, canvas.Width(got), c.want)
		}
	}
}
