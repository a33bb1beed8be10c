package why

import (
	"net/netip"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// TestRefusedLater: a flow that was answered, and of which an ICMP error came behind that, is refused
// now; TCP takes such an error for passing.
func TestRefusedLater(t *testing.T) {
	f, err := filter.Parse("dst host 10.2.0.2")
	if err != nil {
		t.Fatal(err)
	}
	of := func(proto model.Proto) model.Packet {
		return with(udp(1), func(p *model.Packet) { p.Proto, p.Flags = proto, 0 })
	}
	pass := func(ms int, p model.Packet) *journey.Journey {
		return traced(ms, p, journey.Accepted, journey.Culprit{})
	}
	answers := func(ms int, proto model.Proto) *journey.Journey {
		j := pass(ms, back(of(proto)))
		j.Direction = journey.Reply
		return j
	}
	broken := func(ms int) *journey.Journey {
		j := pass(ms, model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoICMP, Src: netip.MustParseAddr(there4), Dst: netip.MustParseAddr(here4), Transport: true, ICMPType: 3, ICMPCode: 2})
		j.Direction = journey.Reply
		return j
	}
	const refused = ": it was answered, and behind that an ICMP error came back from 10.2.0.2: protocol unreachable"
	const works = "nothing is wrong here: the request udp 10.1.0.2 > 10.2.0.2:9 was delivered (sent out of r1), and the reply came back"
	for _, c := range []struct {
		name       string
		list       []*journey.Journey
		change     func(*Seen)
		kind       Kind
		confidence Confidence
		sentence   string // "" for any
		because    string
	}{
		{"sctp", []*journey.Journey{pass(10, of(model.ProtoSCTP)), answers(11, model.ProtoSCTP), pass(12, of(model.ProtoSCTP)), broken(13)}, func(*Seen) {}, Refused, Certain, "sctp 10.1.0.2 > 10.2.0.2:9" + refused, "both the request and what came back were seen"},
		{"udp", []*journey.Journey{pass(10, udp(1)), answers(11, model.ProtoUDP), pass(12, udp(2)), broken(13)}, func(*Seen) {}, Refused, Certain, "udp 10.1.0.2 > 10.2.0.2:9" + refused, "both the request and what came back were seen"},
		{"while it is looked", []*journey.Journey{pass(10, udp(1)), answers(11, model.ProtoUDP), broken(13)}, func(s *Seen) { s.Over = false }, Refused, Likely, "udp 10.1.0.2 > 10.2.0.2:9" + refused, "a reply may still come"},
		{"packets were lost", []*journey.Journey{pass(10, udp(1)), answers(11, model.ProtoUDP), broken(13)}, func(s *Seen) { s.Lost = 1 }, Refused, Likely, "udp 10.1.0.2 > 10.2.0.2:9" + refused, "packets were not seen, what the other end said may be among them"},
		{"answered again", []*journey.Journey{pass(10, udp(1)), broken(11), pass(12, udp(2)), answers(13, model.ProtoUDP)}, func(*Seen) {}, Works, Certain, works, ""},
		{"tcp", []*journey.Journey{pass(10, tcp(model.SYN, 1, 1)), pass(11, back(tcp(model.SYN|model.ACK, 1, 1))), broken(13)}, func(*Seen) {}, Works, Likely, "", ""},
		{"never answered, while it is looked", []*journey.Journey{pass(10, udp(1)), broken(13)}, func(s *Seen) { s.Over = false }, Refused, Certain, "udp 10.1.0.2 > 10.2.0.2:9: the request was delivered (sent out of r1), and an ICMP error came back from 10.2.0.2: protocol unreachable", ""},
	} {
		s := &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Journeys: c.list}
		c.change(s)
		a := judged(t, s)
		if a.Kind != c.kind || a.Confidence != c.confidence || c.sentence != "" && a.Sentence != c.sentence || c.because != "" && a.Because != c.because {
			t.Errorf("%s: %s, %s (%s): %s", c.name, a.Kind, a.Confidence, a.Because, a.Sentence)
		}
	}
}

// TestNoEcho: an echo is answered by the kernel, and no program: what keeps it from that is told.
func TestNoEcho(t *testing.T) {
	f, err := filter.Parse("icmp and dst host 10.2.0.2")
	if err != nil {
		t.Fatal(err)
	}
	ping := with(udp(1), func(p *model.Packet) { p.Proto, p.SPort, p.DPort, p.ICMPType = model.ProtoICMP, 0, 0, 8 })
	stamp := with(ping, func(p *model.Packet) { p.ICMPType = 13 })
	const head = "icmp 10.1.0.2 > 10.2.0.2: the request was delivered, and no reply came"
	for _, c := range []struct {
		packet             model.Packet
		sysctl, want, does string
	}{
		{ping, "net.ipv4.icmp_echo_ignore_all", head + ": this host answers no echo, net.ipv4.icmp_echo_ignore_all is 1", "sysctl -w net.ipv4.icmp_echo_ignore_all=0"},
		{ping, "", head + " in 2 s: the kernel of this host answers an echo, and did not", ""},
		{stamp, "net.ipv4.icmp_echo_ignore_all", head + " in 2 s: no socket of a program is known to have taken it", ""},
	} {
		j := traced(10, c.packet, journey.Accepted, journey.Culprit{})
		j.Path, j.Out = journey.PathInput, ""
		a := judged(t, &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Journeys: []*journey.Journey{j}, NoEcho: c.sysctl})
		if a.Sentence != c.want || a.Do != c.does || (a.Asks != nil) != echo(&c.packet) {
			t.Errorf("%s; %s", a.Sentence, a.Do)
		}
	}
}

// TestTooLongUntold: packets that are too long are dropped by the kernel, which tells the client; who
// keeps that from it is to blame.
func TestTooLongUntold(t *testing.T) {
	f, err := filter.Parse("tcp and dst host 10.2.0.2 and dst port 80")
	if err != nil {
		t.Fatal(err)
	}
	long := with(tcp(model.ACK|model.PSH, 2, 9), func(p *model.Packet) { p.Length = 1500 })
	tells := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoICMP, Src: netip.MustParseAddr("10.1.0.1"), Dst: netip.MustParseAddr(here4), Transport: true, ICMPType: 3, ICMPCode: 4}
	made := func(verdict string, by journey.Culprit) *journey.Journey {
		j := traced(21, tells, verdict, by)
		j.Path, j.In, j.Out, j.Direction = journey.PathOutput, "", "r0", journey.Reply
		return j
	}
	icmp := rule(1, "-A OUTPUT -p icmp -j DROP")
	for _, c := range []struct {
		name string
		icmp *journey.Journey
		kind Kind
		want string
	}{
		{"dropped", made(journey.Dropped, icmp), Rule, "tcp 10.1.0.2 > 10.2.0.2:80: packets that are too long for the way on are dropped here, and the ICMP error from 10.1.0.1 that tells the client was dropped by rule 1 of filter/FORWARD (iptables-legacy): -A OUTPUT -p icmp -j DROP"},
		{"told", made(journey.Accepted, journey.Culprit{}), Kernel, "tcp 10.1.0.2 > 10.2.0.2:80 was dropped by the kernel, no rule did it: it is larger than the MTU of the way out and may not be cut into fragments (PKT_TOO_BIG)"},
	} {
		a := judged(t, &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Journeys: []*journey.Journey{traced(20, long, journey.Unknown, journey.Culprit{}), c.icmp},
			Drops: []*drop.Drop{lost(20, long, "PKT_TOO_BIG", "ip_forward", drop.StationForward, 0)}})
		if a.Kind != c.kind || a.Sentence != c.want || a.Confidence != Certain {
			t.Errorf("%s: %s, %s: %s", c.name, a.Kind, a.Confidence, a.Sentence)
		}
	}
}

// TestNoWay: where nothing came, that no route leads there says more than the rules do.
func TestNoWay(t *testing.T) {
	f, err := filter.Parse("udp and dst host 10.2.0.2 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	const seen, passes = "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9", "; the rules would let it through (simulated)"
	for name, c := range map[string]struct {
		routes *model.Routes
		path   string
		want   string
	}{
		"no route":        {&model.Routes{}, journey.PathForward, seen + "; no route of this host leads to 10.2.0.2" + passes},
		"a route":         {&model.Routes{List: []model.Route{{To: netip.MustParsePrefix("10.2.0.0/24"), Device: "r1"}}}, journey.PathForward, seen + passes},
		"an own address":  {&model.Routes{}, journey.PathInput, seen + passes},
		"other tables":    {&model.Routes{Policy: true}, journey.PathOutput, seen + passes},
		"none is known":   {nil, journey.PathOutput, seen + passes},
		"a program's own": {&model.Routes{}, journey.PathOutput, seen + "; no route of this host leads to 10.2.0.2" + passes},
	} {
		j := traced(0, udp(1), journey.Accepted, journey.Culprit{})
		j.Path, j.Origin = c.path, "sim"
		a := judged(t, &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Simulated: j, Routes: c.routes})
		if a.Sentence != c.want || (a.Do != "") != (c.want != seen+passes) {
			t.Errorf("%s: %s; %s", name, a.Sentence, a.Do)
		}
	}
}
