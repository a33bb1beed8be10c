package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// asked is a question or an answer of ARP that netfilter dropped; answers and questions of IPv6 are.
func asked(arp string) *drop.Drop {
	return &drop.Drop{Time: at(8), Source: drop.StepBPF, Reason: "NETFILTER_DROP", Place: "nf_hook_slow", Station: drop.StationNetfilter, Hook: model.HookInput, Netns: inode, In: "r1", ARP: arp, Count: 1}
}

func asked6(src, dst, of string, kind uint8) *drop.Drop {
	d := asked("")
	d.Target = netip.MustParseAddr(of)
	d.Packet = model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoICMPv6, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Transport: true, ICMPType: kind}
	return d
}

// sent is the same, of what left this host.
func sent(d *drop.Drop) *drop.Drop {
	d.Hook, d.In, d.Out = model.HookOutput, "", "r1"
	return d
}

// TestCut: that a next hop is not found is netfilter's doing where that dropped the question for it,
// or its answer; nobody else's neighbour, namespace or time counts.
func TestCut(t *testing.T) {
	udp6 := func(id uint16) model.Packet {
		return with(udp(id), func(p *model.Packet) {
			p.Family, p.Src, p.Dst = model.FamilyIPv6, netip.MustParseAddr("fd01::2"), netip.MustParseAddr("fd02::2")
		})
	}
	failed := func(p model.Packet) *drop.Drop {
		d := lost(9, p, "NEIGH_FAILED", "neigh_invalidate", drop.StationDeviceOut, 0)
		if d.Out = "r1"; p.Family == model.FamilyIPv6 {
			d.Reason = "NOT_SPECIFIED"
		}
		return d
	}
	f, err := filter.Parse("dst host 10.2.0.2 or dst host fd02::2")
	if err != nil {
		t.Fatal(err)
	}
	policy := journey.Culprit{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv6, Table: "filter", Chain: "INPUT", Kind: "policy"}
	for _, c := range []struct {
		name    string
		packet  model.Packet
		asked   []*drop.Drop
		suspect []journey.Culprit
		want    string // of the sentence, "" where the kernel is blamed
	}{
		{"its answer", udp(1), []*drop.Drop{asked("arp 10.2.0.2 is-at 02:00:00:00:00:02")}, nil, "the next hop 10.2.0.2 on r1 is not found, since its answer by ARP was dropped by netfilter in the input hook, by a rule or a policy that was not traced"},
		{"its answer, at a port of a bridge", udp(1), []*drop.Drop{but(asked("arp 10.2.0.2 is-at 02:00:00:00:00:02"), func(d *drop.Drop) {
			d.Hook, d.In, d.Callers = model.HookPrerouting, "p1", []string{"nf_hook_slow", "br_handle_frame"}
		})}, nil, "since its answer by ARP was dropped by netfilter in the prerouting hook"},
		{"the question", udp(1), []*drop.Drop{but(asked("arp who-has 10.2.0.2 tell 10.2.0.1"), func(d *drop.Drop) { d.Hook = model.HookNone })}, nil, "the next hop 10.2.0.2 on r1 is not found, since the question for it by ARP was dropped by netfilter, by a rule or a policy that was not traced"},
		{"the question, from an address of long ago", udp(1), []*drop.Drop{sent(asked("arp who-has 10.2.0.2 tell 10.2.0.8"))}, nil, "since the question for it by ARP was dropped by netfilter in the output hook"},
		{"its answer, IPv6", udp6(1), []*drop.Drop{asked6("fd02::2", "fd02::1", "fd02::2", 136)}, []journey.Culprit{policy}, "the next hop fd02::2 on r1 is not found, since its answer by neighbour discovery was dropped by netfilter in the input hook, likely by the policy of filter/INPUT (iptables-nft, IPv6)"},
		{"its answer, IPv6, by another address of its own", udp6(1), []*drop.Drop{asked6("fe80::2", "fd02::1", "fd02::2", 136)}, nil, "since its answer by neighbour discovery was dropped"},
		{"the question, IPv6", udp6(1), []*drop.Drop{sent(asked6("fd02::1", "ff02::1:ff00:2", "fd02::2", 135))}, nil, "since the question for it by neighbour discovery was dropped"},
		{"the question to it alone, IPv6", udp6(1), []*drop.Drop{sent(asked6("fd02::1", "fd02::2", "fd02::2", 135))}, nil, "since the question for it by neighbour discovery was dropped"},
		{"another's", udp(1), []*drop.Drop{sent(asked("arp who-has 10.2.0.22 tell 10.2.0.2")), asked("arp 10.2.0.20 is-at 02:00:00:00:00:02")}, nil, ""},
		{"another's, IPv6", udp6(1), []*drop.Drop{asked6("fd02::3", "fd02::1", "fd02::3", 136), sent(asked6("fd02::2", "ff02::1:ff00:3", "fd02::3", 135))}, nil, ""},
		{"another's of the same group, IPv6", udp6(1), []*drop.Drop{sent(asked6("fd02::1", "ff02::1:ff00:2", "fd02:9::2", 135)), asked6("fd02::2", "fd02::1", "fd02:9::2", 136)}, nil, ""},
		{"asked by another", udp(1), []*drop.Drop{asked("arp who-has 10.2.0.2 tell 10.2.0.3"), but(asked("arp who-has 10.2.0.2 tell 10.2.0.3"), func(d *drop.Drop) { d.Hook = model.HookForward })}, nil, ""},
		{"asked by another, IPv6", udp6(1), []*drop.Drop{asked6("fd02::3", "ff02::1:ff00:2", "fd02::2", 135)}, nil, ""},
		{"answered to another", udp(1), []*drop.Drop{but(asked("arp 10.2.0.2 is-at 02:00:00:00:00:02"), func(d *drop.Drop) { d.Hook = model.HookForward })}, nil, ""},
		{"at another interface", udp(1), []*drop.Drop{but(asked("arp 10.2.0.2 is-at 02:00:00:00:00:02"), func(d *drop.Drop) { d.In = "r2" })}, nil, ""},
		{"at another interface, IPv6", udp6(1), []*drop.Drop{but(sent(asked6("fd02::1", "ff02::1:ff00:2", "fd02::2", 135)), func(d *drop.Drop) { d.Out = "r2" })}, nil, ""},
		{"from before", udp(1), []*drop.Drop{but(asked("arp 10.2.0.2 is-at 02:00:00:00:00:02"), func(d *drop.Drop) { d.Time = at(-90) })}, nil, ""},
		{"of another namespace", udp(1), []*drop.Drop{but(asked("arp 10.2.0.2 is-at 02:00:00:00:00:02"), func(d *drop.Drop) { d.Netns = 7 })}, nil, ""},
		{"none", udp(1), nil, nil, ""},
	} {
		dropped, waits := failed(c.packet), traced(10, c.packet, journey.Accepted, journey.Culprit{})
		for _, s := range []*Seen{
			{Drops: []*drop.Drop{dropped}},
			{Journeys: []*journey.Journey{waits}, HopOf: Hop{To: c.packet.Dst, Out: "r1"}, Hop: &drop.Neighbour{Addr: c.packet.Dst, Dev: "r1", State: "INCOMPLETE"}},
		} {
			s.Filter, s.Began, s.Looked, s.Over, s.Asked = f, begin, 2*time.Second, true, c.asked
			s.Watch, s.Local = drop.Watch{Step: drop.StepBPF, Netns: inode}, locals("10.2.0.1/24", "fd02::1/64")
			if c.suspect != nil {
				a := judged(t, s)
				if s.Untraced = a.Untraced; s.Untraced != c.asked[0] {
					t.Errorf("%s: asked who dropped %+v", c.name, s.Untraced)
				}
				s.Suspects = &Suspects{List: c.suspect}
			}
			a := judged(t, s)
			if c.want == "" {
				if a.Kind != Kernel || !strings.Contains(a.Sentence, "no rule did it") {
					t.Errorf("%s: %s", c.name, a.Sentence)
				}
				continue
			}
			if a.Kind != Netfilter || a.Confidence != Likely || !a.Dropped() || a.Side != Request || !strings.Contains(a.Sentence, c.want) || a.Do != letThem || a.Requests.Delivered > 0 {
				t.Errorf("%s: %s, %s: %s; %s", c.name, a.Kind, a.Confidence, a.Sentence, a.Do)
			}
		}
	}
}

// locals are addresses of this host.
func locals(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// TestDeaf: where nothing of a flow came, what netfilter dropped of the questions by which its packets
// find this host is told, and nobody else's.
func TestDeaf(t *testing.T) {
	const say = "netfilter dropped, without which neighbours send nothing: "
	at := func(d *drop.Drop, h model.Hook) *drop.Drop { d.Hook = h; return d }
	asks := func(of, who string) *drop.Drop { return asked("arp who-has " + of + " tell " + who) }
	answer := func(of string) *drop.Drop { return asked("arp " + of + " is-at 02:00:00:00:00:02") }
	const from, to = "udp and src host 10.1.0.2 and dst port 9", "udp and dst host 10.2.0.2 and dst port 9"
	for _, c := range []struct {
		name, filter string
		drop         *drop.Drop
		told         bool
	}{
		{"the client asks", from, asks("10.1.0.1", "10.1.0.2"), true},
		{"another asks", from, asks("10.1.0.1", "10.1.0.3"), false},
		{"the client asks for another", from, asks("10.1.0.9", "10.1.0.2"), false},
		{"of another network", from, asks("10.2.0.1", "10.2.0.2"), false},
		{"a router asks for a client behind it", "udp and src host 192.0.2.7", asks("10.1.0.1", "10.1.0.2"), true},
		{"any asks, of any client", to, asks("10.1.0.1", "10.1.0.3"), true},
		{"one asks whether it is alone", to, asks("10.1.0.1", "0.0.0.0"), false},
		{"what this host answers", from, at(answer("10.1.0.1"), model.HookOutput), true},
		{"what this host answers elsewhere", from, at(answer("10.2.0.1"), model.HookOutput), false},
		{"what this host asks", to, at(asks("10.2.0.2", "10.2.0.1"), model.HookOutput), false},
		{"what this host is answered", to, answer("10.2.0.2"), false},
		{"over the bridge", to, at(asks("10.2.0.2", "10.2.0.3"), model.HookForward), true},
		{"over the bridge, others", to, at(asks("10.2.0.4", "10.2.0.3"), model.HookForward), false},
		{"an answer over the bridge", to, at(answer("10.2.0.2"), model.HookForward), true},
		{"neighbours of the same network", to, asks("10.2.0.2", "10.2.0.3"), false},
		{"it may answer for another network's", to, asks("10.2.0.2", "10.1.0.3"), true},
		{"IPv6", "udp and src host fd01::2", asked6("fd01::2", "ff02::1:ff00:1", "fd01::1", 135), true},
		{"IPv6, by the client's own address of the link", "udp and src host fd01::2", asked6("fe80::2", "ff02::1:ff00:1", "fd01::1", 135), true},
		{"IPv6, another", "udp and src host fd01::2", asked6("fd01::3", "ff02::1:ff00:1", "fd01::1", 135), false},
		{"another family", "icmp", asked6("fd01::2", "ff02::1:ff00:1", "fd01::1", 135), false},
		{"another family of an address", from, asked6("fd01::2", "ff02::1:ff00:1", "fd01::1", 135), false},
		{"another family, IPv4", "icmp6", asks("10.1.0.1", "10.1.0.2"), false},
	} {
		f, err := filter.Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		s := &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true, Asked: []*drop.Drop{c.drop}, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Local: locals("10.1.0.1/24", "10.2.0.1/24", "fd01::1/64", "fe80::1/64")}
		a := judged(t, s)
		all := strings.Join(a.Evidence, "\n")
		if a.Kind != Nothing || strings.Contains(all, say) != c.told || (a.Do == letThem) != c.told || (len(a.Drops) == 1) != c.told {
			t.Errorf("%s: %s; %s; %d drops:\n%s", c.name, a.Kind, a.Do, len(a.Drops), all)
		}
		s.XDP = "r0" // what else is to be looked at stays
		if a = judged(t, s); a.Do != "ip -d link show dev r0" {
			t.Errorf("%s: %s", c.name, a.Do)
		}
	}
}

// TestAsked: a Look keeps each question and answer once, its newest, none of another namespace, and
// says of how many it has not kept.
func TestAsked(t *testing.T) {
	f, err := filter.Parse("udp and dst host 10.1.0.1 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLook(f, "")
	l.Snapshot(&snapshot.Snapshot{Local: locals("10.1.0.1/24"), Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}}})
	l.Begin(begin)
	const question = "arp who-has 10.1.0.1 tell 10.1.0.2"
	other := but(asked(question), func(d *drop.Drop) { d.Reason, d.Station = "OTHERHOST", drop.StationDeviceIn })
	late := but(asked(question), func(d *drop.Drop) { d.Time = at(20) })
	for _, d := range []*drop.Drop{but(asked(question), func(d *drop.Drop) { d.Time = at(-900) }), late, other, asked("arp"), asked6("fd01::2", "ff02::1:ff00:1", "fd01::1", 134), sent(asked(question)),
		but(asked("arp who-has 10.1.0.1 tell 10.1.0.7"), func(d *drop.Drop) { d.Netns = 7 })} {
		l.Drop(d)
	}
	if s := l.Seen(at(2000), true); len(s.Drops) > 0 || len(s.Asked) != 2 || s.Asked[0] != late || s.Unkept > 0 {
		t.Errorf("%d drops, %d asked, %d not kept", len(s.Drops), len(s.Asked), s.Unkept)
	}
	for i := range 2 * mostAsked {
		l.Drop(asked6("fd01::2", "ff02::1", netip.AddrFrom16([16]byte{0xfd, 15: byte(i)}).String(), 135))
	}
	s := l.Seen(at(2000), true)
	const left = "netfilter dropped 102 more packets of ARP or neighbour discovery that were not kept"
	if a := judged(t, s); len(s.Asked) != mostAsked || !slices.Contains(a.Evidence, left) {
		t.Errorf("%d are kept:\n%s", len(s.Asked), strings.Join(a.Evidence, "\n"))
	}
	p := udp(1)
	s.Journeys, s.HopOf, s.Hop = []*journey.Journey{traced(10, p, journey.Accepted, journey.Culprit{})}, Hop{To: p.Dst, Out: "r1"}, &drop.Neighbour{Addr: p.Dst, Dev: "r1", State: "INCOMPLETE"}
	if a := judged(t, s); a.Kind != Kernel || !slices.Contains(a.Evidence, left) {
		t.Errorf("%s:\n%s", a.Sentence, strings.Join(a.Evidence, "\n"))
	}
	if l.Begin(at(1)); len(l.Seen(at(2000), true).Asked) > 0 {
		t.Error("of a search before")
	}
}

// TestStalledWaits: a segment that nobody acknowledges, and whose next hop is not found, did not leave.
func TestStalledWaits(t *testing.T) {
	f, err := filter.Parse("dst host 10.2.0.2")
	if err != nil {
		t.Fatal(err)
	}
	const waits = "tcp 10.1.0.2 > 10.2.0.2:80 was not delivered, no rule did it: likely it waits for the next hop 10.2.0.2 on r1, which does not answer ARP (INCOMPLETE)"
	for name, c := range map[string]struct {
		talk *talking
		want string
	}{
		"sent again and again": {opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), waits + " (1 of 5 packets; 4 came through)"},
		"sent once":            {opened().pass(seg(push, 1, 1)), waits + " (1 of 3 packets; 2 came through)"},
		"answered":             {opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)), "nothing is wrong here: the request tcp 10.1.0.2 > 10.2.0.2:80 was delivered (sent out of r1), and the reply came back"},
	} {
		s := c.talk.seen
		s.Filter, s.Began, s.Looked, s.Over, s.Watch = f, begin, 5*time.Second, true, drop.Watch{Step: drop.StepBPF, Netns: inode}
		server := Hop{To: netip.MustParseAddr(there4), Out: "r1"}
		a := judged(t, &s)
		if asked := a.Hop != nil && *a.Hop == server; asked != (name != "answered") {
			t.Errorf("%s: %+v is asked for", name, a.Hop)
		}
		s.Hop, s.HopOf = &drop.Neighbour{Addr: netip.MustParseAddr(there4), Dev: "r1", State: "INCOMPLETE"}, server
		if a = judged(t, &s); a.Sentence != c.want {
			t.Errorf("%s: %s, %s:\n%s\nwant\n%s", name, a.Kind, a.Side, a.Sentence, c.want)
		}
	}
}

// TestAcknowledgedLeft: what TCP acknowledged was delivered, whatever became of the client's entry in
// the neighbour table since; a reply that was not may wait for it.
func TestAcknowledgedLeft(t *testing.T) {
	f, err := filter.Parse("dst host 10.2.0.2")
	if err != nil {
		t.Fatal(err)
	}
	client := Hop{To: netip.MustParseAddr(here4), Out: "r0"}
	for name, c := range map[string]struct {
		talk  *talking
		waits bool
	}{
		"over, and all acknowledged": {opened().pass(seg(push, 1, 1)).pass(ans(push|model.FIN, 1, 11)).pass(seg(fin, 11, 12)).pass(ans(model.ACK, 12, 12)), false},
		"broken off":                 {opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.RST, 11, 0)), false},
		"not acknowledged":           {opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)), true},
	} {
		s := c.talk.seen
		for _, j := range s.Journeys {
			if j.Packet.SPort == 80 {
				j.Out = "r0"
			}
		}
		s.Filter, s.Began, s.Looked, s.Over, s.Watch = f, begin, 5*time.Second, true, drop.Watch{Step: drop.StepBPF, Netns: inode}
		s.Hop, s.HopOf = &drop.Neighbour{Addr: client.To, Dev: "r0", State: "FAILED"}, client
		if a := judged(t, &s); (a.Kind == Kernel) != c.waits || a.Hop != nil && !c.waits {
			t.Errorf("%s: %s, %+v is asked for: %s", name, a.Kind, a.Hop, a.Sentence)
		}
	}
}
