package between

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/trace/arm"
	"nfscope/trace/nettest"
)

// TestMatch: the filter that is compiled into the programs chooses what the filter language
// says, packet by packet; which packets came a Reader tells that follows all, behind it.
func TestMatch(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	frames := []nettest.Frame{
		{Src: "10.1.0.2", Dst: "10.2.0.2", SPort: 5007, DPort: 7}, {Src: "10.1.0.2", Dst: "10.2.0.2", SPort: 5007, DPort: 99},
		{Src: "fd01::2", Dst: "fd02::2", SPort: 5007, DPort: 7}, {Src: "fd01::2", Dst: "fd02::2", SPort: 6000, DPort: 8000},
		{Src: "10.1.0.77", Dst: "10.2.0.2", SPort: 99, DPort: 65535, DF: true}, {Src: "fd01:0:0:1::2", Dst: "fd02::3", SPort: 1, DPort: 90},
		{Src: "10.1.0.2", Dst: "10.2.0.2", Proto: unix.IPPROTO_TCP, SPort: 5007, DPort: 7, TCPFlags: 2},
		{Src: "10.1.0.2", Dst: "10.2.0.2", Proto: unix.IPPROTO_ICMP}, {Src: "fd01::2", Dst: "fd02::2", Proto: unix.IPPROTO_ICMPV6},
	}
	mac := nettest.MAC(t, n.Router, "r0")
	// open begins to follow what conjuncts choose, came tells what it has followed.
	open := func(at model.Priority, c []filter.Conjunct) *Reader {
		r, err := Open(Options{Rate: 10_000, Burst: 10_000, Chosen: &Chosen{Prerouting: c}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		if err := r.Sit(n.Router, "", []journey.Seat{{Hook: model.HookPrerouting, Priority: at, Until: journey.LastSeat, First: true}}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	came := func(r *Reader) (l []model.Packet) {
		if err := r.drain(func(it feed.Item) {
			s := it.Sight
			if s.In != "r0" || s.Packet.Src.IsLinkLocalUnicast() || s.Packet.Proto == model.ProtoICMPv6 && s.Packet.ICMPType > 130 {
				return // an answer, or IPv6 itself
			}
			l = append(l, s.Packet)
		}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	all := open(-200, []filter.Conjunct{{}})
	type chosen struct {
		*filter.Filter
		*Reader
	}
	var list []chosen
	for i, text := range []string{"", "not udp", "ip6", "not port 7", "src port 5007 and dst portrange 90-8000", "not dst portrange 8-98", "dst port 65535 or icmp6",
		"src net 10.1.0.0/27", "not src net 10.0.0.0/9", "dst host fd02::2", "src net fd01:0:0:1::/64 or tcp", "not src net fd01::/33", "not host 10.1.0.2 or port 99",
		"in r*", "in r or icmp", "not in r0", "mark 0", "not mark 0/0xff"} {
		f, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		pre, _, notes, err := arm.Chosen(f, false)
		if err != nil || len(f.After()) > 0 {
			t.Fatalf("%q: %v, %v", text, err, notes)
		}
		list = append(list, chosen{f, open(-300+model.Priority(i), pre)})
	}
	for _, c := range frames {
		c.ToMAC = mac
		nettest.SendFrame(t, n.Client, "c0", c)
	}
	var sent []model.Packet
	for late := time.After(time.Minute); len(sent) < len(frames); {
		select {
		case <-late:
			t.Fatalf("%d of %d packets came", len(sent), len(frames))
		case <-time.After(time.Millisecond):
			sent = append(sent, came(all)...)
		}
	}
	yes, no := 0, 0
	for _, c := range list {
		got := came(c.Reader)
		for i := range sent {
			p := &sent[i]
			want := c.Packet(p, "r0", "") != filter.No
			has := slices.ContainsFunc(got, func(q model.Packet) bool { return q.Tuple() == p.Tuple() && q.ICMPType == p.ICMPType })
			if has != want {
				t.Errorf("%q: %s: followed %v, want %v", c.Filter, p, has, want)
			}
			if want {
				yes++
			} else {
				no++
			}
		}
	}
	if yes < 50 || no < 50 {
		t.Errorf("only %d were to be followed, %d not", yes, no)
	}
}
