package match_test

import (
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/match"
)

// TestEval: one packet, and what each rule says of it.
func TestEval(t *testing.T) {
	p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"),
		SPort: 40000, DPort: 8080, Transport: true, Flags: model.SYN, TTL: 64, Length: 60, TOS: 0x10}
	sets := func(set string, key []string) fact.Answer {
		if set != "known" {
			return fact.Unsure
		}
		return fact.Is(strings.Join(key, ",") == "10.1.0.2 tcp:40000 eth0 02:00:00:00:00:01 0x15,10.2.0.2 tcp:8080   0x15")
	}
	local := func(a netip.Addr) fact.Answer { return fact.Is(a == netip.MustParseAddr("10.2.0.2")) }
	f := &fact.Facts{InSet: sets, Local: local, Source: fact.Of(fact.MAC{2, 0, 0, 0, 0, 1}), In: fact.Of("eth0"), Out: fact.Of(""), Mark: fact.Of(uint32(0x15)), Backend: model.BackendLegacy,
		Connection: fact.Of(&fact.Connection{State: fact.Untracked})}
	for _, c := range []struct{ rule, answer, why string }{
		{"-p tcp --dport 80", "no", "tcp dport: want 80, have 8080, no"},
		{"-p tcp ! --dport 80", "yes", "tcp dport: want not 80, have 8080, yes"},
		{"-p tcp -m multiport --ports 80,40000:40001", "yes", ""},
		{"-p udp", "no", "protocol: want udp, have tcp, no"},
		{"! -s 10.1.0.0/16", "no", "source: want not 10.1.0.0/16, have 10.1.0.2, no"},
		{"-s 10.0.0.2/255.0.0.255", "yes", ""},
		{"-i eth+ -o eth0", "no", "out interface: want eth0, have none, no"},
		{"! -i +", "no", ""},
		{"-p tcp ! --dport 0:65535", "no", ""},
		{"-p tcp --syn", "yes", ""},
		{"-p tcp --tcp-option 5", "unknown", "not known: the header's options"},
		{"-m mark --mark 0x5/0xf", "yes", ""},
		{"-m mark ! --mark 0x15", "no", "mark mark: want not 0x15, have 0x15, no"},
		{"-m conntrack ! --ctstate ESTABLISHED", "yes", "have UNTRACKED"}, // and yet it is not NEW
		{"-m state --state NEW", "no", ""},
		{"-m set --match-set blocked src", "unknown", "not known: the members of the set"},
		{"-m set --match-set blocked src -p udp", "no", ""},
		{"-m set --match-set known src,dst", "yes", ""},
		{"-m set ! --match-set known src,src", "yes", ""},
		{"-m set ! --match-set known src,dst", "no", "have 10.1.0.2,10.2.0.2"},
		{"-m addrtype --dst-type LOCAL", "yes", ""},
		{"-m addrtype ! --dst-type LOCAL", "no", "have 10.2.0.2"},
		{"-m addrtype --src-type LOCAL", "no", ""},
		{"-m addrtype --src-type UNICAST", "unknown", "the host's addresses"},
		{"-m statistic --mode random --probability 0.25", "unknown", "a chance of 0.25"},
		{"-m statistic --mode random --probability 1", "yes", ""},
		{"-m owner --uid-owner 0", "unknown", "the sender's socket"},
		{"-m nosuch --x", "unknown", "nfscope does not know"},
		{"-m ttl --ttl-gt 63 -m length --length 0:60 -m tos --tos Minimize-Delay -m dscp --dscp 4", "yes", ""},
		{"-m comment --comment x", "yes", ""},
		{"-f", "no", ""},
	} {
		r := match.Parse(c.rule, model.FamilyIPv4)
		a, why := r.Eval(p, f)
		var l []string
		for _, b := range why {
			_ = journey.Because(b) // the ladder's own form
			l = append(l, b.Match+": want "+b.Want+", have "+b.Have+", "+b.Result)
		}
		if a.String() != c.answer || !strings.Contains(strings.Join(l, "\n"), c.why) {
			t.Errorf("%s: %v, want %s\n  %s", c.rule, a, c.answer, strings.Join(l, "\n  "))
		}
	}
	if a, _ := match.Parse("-j ACCEPT", model.FamilyIPv6).Eval(p, f); a != fact.No {
		t.Error("an IPv6 rule matches an IPv4 packet")
	}
}

// TestEvalBare: of a packet that nobody saw it is known how long it is at least.
func TestEvalBare(t *testing.T) {
	for _, c := range []struct {
		family       model.Family
		proto        model.Proto
		rule, answer string
	}{
		{model.FamilyIPv4, model.ProtoUDP, "-m length --length 0:27", "no"},
		{model.FamilyIPv4, model.ProtoUDP, "-m length --length 0:28", "unknown"},
		{model.FamilyIPv4, model.ProtoUDP, "-m length ! --length 0:27", "yes"},
		{model.FamilyIPv4, model.ProtoTCP, "-m length --length 39", "no"},
		{model.FamilyIPv4, model.ProtoTCP, "-m length --length 40:", "unknown"},
		{model.FamilyIPv4, model.ProtoICMP, "-m length --length :27", "no"},
		{model.FamilyIPv4, model.ProtoGRE, "-m length --length 20", "unknown"},
		{model.FamilyIPv6, model.ProtoUDP, "-m length --length 0:47", "no"},
		{model.FamilyIPv6, model.ProtoSCTP, "-m length --length 52", "unknown"},
		{model.FamilyIPv6, model.ProtoICMPv6, "-m length --length 48", "unknown"},
		{model.FamilyIPv4, model.ProtoUDP, "-m ttl --ttl-eq 0", "unknown"},
	} {
		p := &model.Packet{Family: c.family, Proto: c.proto, Transport: true}
		if a, why := match.Parse(c.rule, c.family).Eval(p, &fact.Facts{Bare: true}); a.String() != c.answer {
			t.Errorf("%s %s: %v, want %s: %+v", c.proto, c.rule, a, c.answer, why)
		}
	}
}

// TestEvalBackends: where the programs make different things of one text.
func TestEvalBackends(t *testing.T) {
	p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, SPort: 5, DPort: 7, Transport: true}
	late := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, FragOffset: 40}
	for _, c := range []struct {
		packet           *model.Packet
		rule             string
		legacy, nft, any fact.Answer
	}{
		{p, "-p udp -m udp ! --sport 5 ! --dport 1", fact.No, fact.Unsure, fact.Unsure},
		{p, "-p udp -m udp ! --sport 5 ! --dport 7", fact.No, fact.No, fact.No},
		{p, "-p udp -m udp ! --sport 6 ! --dport 8", fact.Yes, fact.Yes, fact.Yes},
		{p, "-p udp -m udp ! --sport 5:6 ! --dport 1", fact.No, fact.No, fact.No},
		{p, "-p udp -m udp ! --sport 0:65535", fact.No, fact.Yes, fact.Unsure},
		{late, "-p udp -m udp --sport 5", fact.No, fact.Unsure, fact.Unsure},
		{late, "-p udp -m udp", fact.No, fact.No, fact.No},
		{late, "-p udp -m multiport --ports 5", fact.No, fact.No, fact.No},
	} {
		r := match.Parse(c.rule, model.FamilyIPv4)
		legacy, _ := r.Eval(c.packet, &fact.Facts{Backend: model.BackendLegacy})
		nft, _ := r.Eval(c.packet, &fact.Facts{Backend: model.BackendIptablesNFT})
		unknown, _ := r.Eval(c.packet, &fact.Facts{})
		if legacy != c.legacy || nft != c.nft || unknown != c.any {
			t.Errorf("%s: legacy %v, nft %v, not known %v; want %v, %v, %v", c.rule, legacy, nft, unknown, c.legacy, c.nft, c.any)
		}
	}
}

// TestEvalConnection: conntrack's conditions, with and without a connection.
func TestEvalConnection(t *testing.T) {
	p := &model.Packet{Family: model.FamilyIPv4}
	orig := model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("192.0.2.1"), SPort: 1000, DPort: 80}
	c := &fact.Connection{State: fact.New, Status: fact.Of([]string{"CONFIRMED", "DNAT"}), Reply: fact.Of(false), Original: fact.Of(orig),
		Answered: fact.Of(model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.2.0.2"), Dst: orig.Src, SPort: 8080, DPort: 1000})}
	for _, q := range []struct {
		rule          string
		with, without fact.Answer
	}{
		{"--ctstate NEW", fact.Yes, fact.No},
		{"--ctstate DNAT", fact.Yes, fact.No},
		{"--ctstate INVALID", fact.No, fact.Yes},
		{"! --ctstate NEW", fact.No, fact.Yes},
		{"--ctorigdst 192.0.2.0/24 --ctproto 6", fact.Yes, fact.No},
		{"--ctreplsrc 192.0.2.1", fact.No, fact.No},
		{"! --ctreplsrc 192.0.2.1", fact.Yes, fact.No},
		{"--ctstate INVALID --ctorigdst 192.0.2.1", fact.No, fact.Yes}, // the kernel looks no further
		{"--ctrepldstport 1000 --ctorigdstport 80:90", fact.Yes, fact.No},
		{"--ctdir REPLY", fact.No, fact.No},
		{"--ctstatus NONE", fact.No, fact.No},
		{"--ctstatus CONFIRMED,ASSURED", fact.Yes, fact.No},
		{"--ctexpire 5", fact.Unsure, fact.No},
	} {
		r := match.Parse("-m conntrack "+q.rule, model.FamilyIPv4)
		with, _ := r.Eval(p, &fact.Facts{Connection: fact.Of(c)})
		without, _ := r.Eval(p, &fact.Facts{Connection: fact.Of[*fact.Connection](nil)})
		if blind, _ := r.Eval(p, &fact.Facts{}); with != q.with || without != q.without || blind != fact.Unsure {
			t.Errorf("%s: with a connection %v, without %v, nothing known %v; want %v, %v, unknown", q.rule, with, without, blind, q.with, q.without)
		}
	}
}
