package journey

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// frag is a fragment of an IPv6 datagram, as the legacy tracer shows it.
func frag(src string, id uint32, offset int) *model.Packet {
	p := &model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoUDP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr("fd02::2"), Length: 1496,
		TTL: 64, FlowLabel: 7, Extended: true, FragID: id, FragOffset: offset, MoreFragments: true}
	if p.Transport = offset == 0; p.Transport {
		p.SPort, p.DPort = 4000, 9
	}
	return p
}

// asNFT is the fragment as nf_tables' trace shows it.
func asNFT(p *model.Packet) *model.Packet {
	if p.FragOffset > 0 {
		return &model.Packet{Family: model.FamilyIPv6, Extended: true, Unshown: true}
	}
	q := *p
	q.Proto, q.FragID, q.MoreFragments, q.Transport, q.SPort, q.DPort = protoFragment, 0, false, false, 0, 0
	return &q
}

// TestFragments6 holds which datagram's fragment each journey says it is.
func TestFragments6(t *testing.T) {
	const a, b = "fd01::a", "fd01::b"
	filter := legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT"))
	filter.Family = model.FamilyIPv6
	now := time.Unix(100, 0)
	nft := func(p *model.Packet, id uint32) []Event {
		return []Event{between(arming(asNFT(p)), "r0", "", id), between(probe(model.HookPostrouting, asNFT(p)), "r0", "r1", id)}
	}
	legacy := func(p *model.Packet) []Event {
		e := between(line("filter", "FORWARD", EventPolicy, 1, model.HookForward, p), "r0", "r1", 0)
		e.Family = model.FamilyIPv6
		return []Event{e}
	}
	one, two, three := frag(a, 5, 0), frag(a, 5, 1448), frag(a, 5, 2896)
	other, othersTwo := frag(b, 5, 0), frag(b, 5, 1448)
	again := frag(a, 6, 1448)
	for _, c := range []struct {
		name   string
		tables []*model.Table
		parts  [][]Event
		want   string // of each journey: source, fragment, of which; ? where it is incomplete
	}{
		{"nf_tables alone, in a row", nil, [][]Event{nft(one, 1), nft(two, 2), nft(three, 3)}, "fd01::a 1/1, fd01::a 2/1, fd01::a 3/1"},
		{"nf_tables alone, two senders at once", nil, [][]Event{nft(one, 1), nft(other, 2), nft(two, 3), nft(othersTwo, 4)}, "fd01::a 1/1, fd01::b 1/2, - 0/0, - 0/0"},
		{"nf_tables alone, two of one sender in turn", nil, [][]Event{nft(one, 1), nft(two, 2), nft(frag(a, 6, 0), 3), nft(again, 4)}, "fd01::a 1/1, fd01::a 2/1, fd01::a 1/3, fd01::a 2/3"},
		{"nf_tables alone, the first not seen", nil, [][]Event{nft(two, 2)}, "- 0/0"},
		{"both, nf_tables first", []*model.Table{filter}, [][]Event{nft(one, 1), nft(two, 2), nft(three, 3), legacy(one), legacy(two), legacy(three)}, "fd01::a 1/1, fd01::a 2/1, fd01::a 3/1"},
		{"both, legacy first", []*model.Table{filter}, [][]Event{legacy(one), legacy(two), legacy(three), nft(one, 1), nft(two, 2), nft(three, 3)}, "fd01::a 1/1, fd01::a 2/1, fd01::a 3/1"},
		{"both, two senders", []*model.Table{filter}, [][]Event{nft(one, 1), nft(other, 2), nft(two, 3), nft(othersTwo, 4), legacy(one), legacy(other), legacy(two), legacy(othersTwo)},
			"fd01::a 1/1, fd01::b 1/2, fd01::a 2/1, fd01::b 2/2"},
		{"both, of another datagram", []*model.Table{filter}, [][]Event{nft(two, 1), legacy(two), nft(again, 2), legacy(again)}, "fd01::a 1/1, fd01::a 1/2"},
		{"a rule decides of one", []*model.Table{filter}, [][]Event{nft(two, 1), nft(three, 2), nft(frag(a, 6, 8), 3)[:1], legacy(two), legacy(three), legacy(frag(a, 6, 8))},
			"fd01::a 1/1 ?, fd01::a 2/1 ?, fd01::a 1/3 ?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var events []Event
			for _, l := range c.parts {
				for _, e := range l {
					now = now.Add(time.Microsecond)
					e.Time = now
					events = append(events, e)
				}
			}
			_, list := folded(rulesOf(c.tables...), Options{Probes: true}, events...)
			var got []string
			for _, j := range list {
				src := "-"
				if j.Packet.Src.IsValid() {
					src = j.Packet.Src.String()
				}
				s := fmt.Sprintf("%s %d/%d", src, j.Fragment, j.FragmentOf)
				if !j.Complete {
					s += " ?"
				}
				got = append(got, s)
				if said := strings.Contains(j.Outcome.Sentence, "fragment"); said != (j.Fragment > 1) {
					t.Errorf("fragment %d: %s", j.Fragment, j.Outcome.Sentence)
				}
				if assumed := strings.Contains(strings.Join(j.Assumptions, "\n"), "nf_tables' trace shows no header"); assumed != (j.Packet.Unshown || j.Complete && j.Packet.Behind() && len(list) > 1) {
					t.Errorf("%s: assumed %q", s, j.Assumptions)
				}
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

// TestDatagrams: fragments are of one datagram where ends, identification and, with IPv4, the
// protocol are the same, and they came by one device.
func TestDatagrams(t *testing.T) {
	p := *udp("10.1.0.1", 5)
	p.FragOffset, p.Transport = 1480, false
	next, icmp, of6 := p, p, *frag("fd01::a", 5, 1448)
	next.FragOffset, icmp.Proto, icmp.FragOffset = 2960, model.ProtoICMP, 4440
	in := func(p *model.Packet, dev string, id uint32) Event { return between(arming(p), dev, "", id) }
	for _, c := range []struct {
		name   string
		second Event
		of     int
	}{
		{"the next", in(&next, "r0", 2), 1},
		{"another protocol's", in(&icmp, "r0", 2), 2},
		{"by another device", in(&next, "r1", 2), 2},
		{"of another family", in(&of6, "r0", 2), 2},
	} {
		if _, list := folded(rulesOf(), Options{Probes: true}, in(&p, "r0", 1), c.second); len(list) != 2 || list[0].FragmentOf != 1 || list[1].FragmentOf != c.of {
			t.Errorf("%s: %d journeys, the second of #%d", c.name, len(list), list[len(list)-1].FragmentOf)
		}
	}
}

// TestFragmentsForget: an identification that is used again is another datagram's, and
// those remembered are bounded.
func TestFragmentsForget(t *testing.T) {
	p := *udp("10.1.0.1", 5)
	p.FragOffset = 1480
	early, late := arming(&p), arming(&p)
	early.Time = time.Unix(100, 0)
	late.Time, late.ID = early.Time.Add(assembly+time.Second), 9
	f, list := folded(rulesOf(), Options{Probes: true}, early, late)
	if len(list) != 2 || list[0].FragmentOf != 1 || list[1].FragmentOf != 2 {
		t.Errorf("%d journeys, %+v", len(list), list)
	}
	for i := range maxDatagrams + 1 {
		q := p
		q.IPID = uint16(i)
		e := arming(&q)
		e.ID, e.Time = uint32(i), late.Time
		f.Event(&e)
	}
	if n := len(f.datagrams); n > maxDatagrams {
		t.Errorf("%d datagrams are remembered", n)
	}
}
