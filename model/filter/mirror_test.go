package filter

import (
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
)

func TestMirror(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "tcp": "tcp", "host 10.0.0.1": "host 10.0.0.1",
		"src host 10.0.0.1 and dst port 80":              "dst host 10.0.0.1 and src port 80",
		"in eth0 and not out eth1":                       "out eth0 and not in eth1",
		"not (src net 10.0.0.0/8 or dst portrange 1-5)":  "not (dst net 10.0.0.0/8 or src portrange 1-5)",
		"mark 1 and dropped and chain INPUT and udp":     "mark 0x1 and dropped and chain INPUT and udp",
		"src host fd00::1 or (dst host fd00::2 and tcp)": "dst host fd00::1 or (src host fd00::2 and tcp)",
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		m := f.Mirror()
		if m.String() != want {
			t.Errorf("%q: %q, want %q", text, m, want)
		}
		if again := m.Mirror().String(); again != f.String() {
			t.Errorf("%q mirrored twice is %q", f, again)
		}
	}
}

// TestBothIsEitherWay: the filter of both directions says of every packet what one of
// the two says, also as the kernel's conjuncts.
func TestBothIsEitherWay(t *testing.T) {
	t.Parallel()
	packets := []*model.Packet{}
	ends := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")}
	for _, s := range ends {
		for _, d := range ends {
			for _, p := range []uint16{80, 4000} {
				packets = append(packets, &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: s, Dst: d, SPort: p, DPort: 4080 - p, Transport: true})
			}
		}
	}
	for _, text := range []string{"", "tcp and dst port 80", "src host 10.0.0.1", "host 10.0.0.1 and not dst port 80", "in a and src host 10.0.0.1", "not src net 10.0.0.2/31"} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		both, mirror := f.Both(), f.Mirror()
		for _, p := range packets {
			q := *p
			q.Src, q.Dst, q.SPort, q.DPort = p.Dst, p.Src, p.DPort, p.SPort
			want := max(f.Packet(p, "a", "b"), mirror.Packet(p, "a", "b"))
			if got := both.Packet(p, "a", "b"); got != want {
				t.Errorf("%q of %s: %s, want %s", text, p, got, want)
			}
			if got, want := mirror.Packet(p, "a", "b"), f.Packet(&q, "b", "a"); got != want {
				t.Errorf("the mirror of %q of %s: %s, want %s", text, p, got, want)
			}
		}
	}
}

func TestChoseBoth(t *testing.T) {
	t.Parallel()
	packet := func(src string, sport uint16, dst string, dport uint16) model.Packet {
		return model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: sport, DPort: dport, Transport: true}
	}
	there, back := packet("10.1.0.2", 4000, "10.2.0.2", 80), packet("10.2.0.2", 80, "10.1.0.2", 4000)
	translated, stranger := packet("10.2.0.2", 8080, "10.2.0.1", 4001), packet("10.9.0.1", 1, "10.9.0.2", 2)
	icmp := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoICMP, Src: back.Src, Dst: back.Dst, ICMPType: 3, Transport: true}
	const own, other = "nfscope_1_1", "nfscope_2_1"
	for _, c := range []struct {
		text    string
		p       model.Packet
		in, out string
		verdict string
		known   []string
		want    bool
	}{
		{"tcp and dst port 80", there, "r0", "r1", "", nil, true},
		{"tcp and dst port 80", back, "r1", "r0", "", nil, true},
		{"tcp and dst port 80", stranger, "r1", "r0", "", nil, false},
		{"tcp and dst port 80", translated, "r1", "r0", "", nil, false},
		{"tcp and dst port 80", translated, "r1", "r0", "", []string{other}, false},
		{"tcp and dst port 80", translated, "r1", "r0", "", []string{other, own}, true},
		{"tcp and dst port 80", icmp, "r1", "r0", "", []string{own}, true},
		{"tcp and dst port 80", icmp, "r1", "r0", "", nil, false},
		// What is asked afterwards is asked of the packet itself, interfaces of either way.
		{"tcp and dst port 80 and dropped", icmp, "r1", "r0", journey.Accepted, []string{own}, false},
		{"tcp and dst port 80 and dropped", icmp, "r1", "r0", journey.Dropped, []string{own}, true},
		{"in r0 and dst port 80", translated, "r1", "r0", "", []string{own}, true},
		{"in r0 and dst port 80", translated, "r1", "r2", "", []string{own}, false},
		{"ip6 and dst port 80", translated, "r1", "r0", "", []string{own}, false},
	} {
		f, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		j := &journey.Journey{Closed: true, Packet: c.p, In: c.in, Out: c.out, KnownBy: c.known, Outcome: journey.Outcome{Verdict: c.verdict}}
		if got := f.ChoseBoth(own)(j); got != c.want {
			t.Errorf("%q of %s, known by %v: %v, want %v", c.text, &c.p, c.known, got, c.want)
		}
		if c.known == nil && f.ChoseBoth("")(j) != c.want {
			t.Errorf("%q of %s without a table: not %v", c.text, &c.p, c.want)
		}
	}
}
