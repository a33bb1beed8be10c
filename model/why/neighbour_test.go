package why

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// asked is a question or an answer of ARP that netfilter dropped; answers and questions of IPv6 are.
func asked(arp string) *drop.Drop {
	return &drop.Drop{Time: at(8), Source: drop.StepBPF, Reason: "NETFILTER_DROP", Place: "nf_hook_slow", Station: drop.StationNetfilter, Hook: model.HookInput, Netns: inode, In: "r1", ARP: arp, Count: 1}
}

func asked6(src, dst string, kind uint8) *drop.Drop {
	d := asked("")
	d.Packet = model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoICMPv6, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Transport: true, ICMPType: kind}
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
		{"the question", udp(1), []*drop.Drop{but(asked("arp who-has 10.2.0.2 tell 10.2.0.1"), func(d *drop.Drop) { d.Hook = model.HookNone })}, nil, "the next hop 10.2.0.2 on r1 is not found, since the question for it by ARP was dropped by netfilter, by a rule or a policy that was not traced"},
		{"its answer, IPv6", udp6(1), []*drop.Drop{asked6("fd02::2", "fd02::1", 136)}, []journey.Culprit{policy}, "the next hop fd02::2 on r1 is not found, since its answer by neighbour discovery was dropped by netfilter in the input hook, likely by the policy of filter/INPUT (iptables-nft, IPv6)"},
		{"the question, IPv6", udp6(1), []*drop.Drop{asked6("fd02::1", "ff02::1:ff00:2", 135)}, nil, "since the question for it by neighbour discovery was dropped"},
		{"the question to it alone, IPv6", udp6(1), []*drop.Drop{asked6("fd02::1", "fd02::2", 135)}, nil, "since the question for it by neighbour discovery was dropped"},
		{"another's", udp(1), []*drop.Drop{asked("arp who-has 10.2.0.22 tell 10.2.0.2"), asked("arp 10.2.0.20 is-at 02:00:00:00:00:02")}, nil, ""},
		{"another's, IPv6", udp6(1), []*drop.Drop{asked6("fd02::3", "fd02::1", 136), asked6("fd02::2", "ff02::1:ff00:3", 135)}, nil, ""},
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
			s.Watch = drop.Watch{Step: drop.StepBPF, Netns: inode}
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

// TestDeaf: where nothing of a flow came, what netfilter dropped of its neighbours' questions is told,
// each once; a Look takes it, and nobody else's.
func TestDeaf(t *testing.T) {
	f, err := filter.Parse("udp and dst host 10.2.0.2 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLook(f, "")
	l.Begin(begin)
	question := asked("arp who-has 10.2.0.1 tell 10.2.0.2")
	other := but(asked("arp who-has 10.2.0.1 tell 10.2.0.3"), func(d *drop.Drop) { d.Reason, d.Station = "OTHERHOST", drop.StationDeviceIn })
	for _, d := range []*drop.Drop{question, question, other, asked("arp"), asked6("fd02::2", "ff02::1:ff00:1", 135), asked6("fd02::2", "fd02::1", 136), asked6("fd02::2", "ff02::1", 134), asked("arp 10.2.0.2 is-at 02:00:00:00:00:02"),
		but(asked("arp who-has 10.2.0.1 tell 10.2.0.9"), func(d *drop.Drop) { d.Time = at(-900) })} {
		l.Drop(d)
	}
	s := l.Seen(at(2000), true)
	if len(s.Drops) > 0 || len(s.Asked) != 6 {
		t.Errorf("%d drops, %d asked", len(s.Drops), len(s.Asked))
	}
	a := judged(t, s)
	all := strings.Join(a.Evidence, "\n")
	const say = "netfilter dropped, without which neighbours send nothing: "
	if a.Kind != Nothing || strings.Count(all, say) != 4 || strings.Contains(all, "10.2.0.9") || a.Do != letThem || len(a.Drops) != 4 {
		t.Errorf("%s; %s; %d drops:\n%s", a.Kind, a.Do, len(a.Drops), all)
	}
	for _, want := range []string{"arp who-has 10.2.0.1 tell 10.2.0.2", "arp 10.2.0.2 is-at 02:00:00:00:00:02", "neighbour solicitation from fd02::2", "neighbour advertisement from fd02::2"} {
		if !strings.Contains(all, say+want) {
			t.Errorf("no %q:\n%s", want, all)
		}
	}
	for range mostAsked {
		l.Drop(question)
	}
	if n := len(l.Seen(at(2000), true).Asked); n != mostAsked {
		t.Errorf("%d are kept", n)
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
		if a.Hop == nil || (*a.Hop == server) != (name != "answered") {
			t.Errorf("%s: %+v is asked for", name, a.Hop)
		}
		s.Hop, s.HopOf = &drop.Neighbour{Addr: netip.MustParseAddr(there4), Dev: "r1", State: "INCOMPLETE"}, server
		if a = judged(t, &s); a.Sentence != c.want {
			t.Errorf("%s: %s, %s:\n%s\nwant\n%s", name, a.Kind, a.Side, a.Sentence, c.want)
		}
	}
}
