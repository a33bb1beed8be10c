package nat_test

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
)

// finderOf reads rules, of iptables-save or of nft, for the router of gateway.
func finderOf(t *testing.T, text string) *nat.Finder {
	t.Helper()
	if !strings.HasPrefix(text, "table") {
		return gateway(t, text)
	}
	tables, found := ruleset.ParseNFT("test", []byte(text))
	for _, p := range found {
		t.Error(p)
	}
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	return nat.NewFinder(ruleset.NewIndex(rs), gatewayHost())
}

// a flow by its words: "tcp 10.1.0.2:5 203.0.113.1:53 10.2.0.2:53 10.1.0.2:5", the ends of the
// original and of the reply; of icmp the client's port is the identifier, zone=7 and
// orig-zone=7 are its zones.
func worded(t *testing.T, words string) *flow.Look {
	t.Helper()
	w := strings.Fields(words)
	proto, ok := model.ParseProto(w[0])
	if !ok {
		t.Fatal(words)
	}
	l := look(t, w[1], w[2], w[3], w[4])
	l.Orig.Proto, l.Reply.Proto = proto, proto
	if proto.ICMP() {
		l.Orig.DPort = 8 << 8
		l.Reply.SPort, l.Reply.DPort = l.Reply.DPort, 0
	}
	for _, x := range w[5:] {
		switch x {
		case "zone=7":
			l.Zone = 7
		case "orig-zone=7":
			l.OrigZone = 7
		case "template":
			l.Status |= flow.Template
		case "by-hand": // by conntrack -I, which may leave the status bits of NAT out
			l.Status &^= flow.SrcNAT | flow.DstNAT
		case "no-reply":
			l.Reply = model.Tuple{}
		default:
			t.Fatal(words)
		}
	}
	return l
}

const (
	dnat = "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\n"
	// dns is a client's question to the service, which a server answers.
	dns = "udp 10.1.0.2:5353 203.0.113.1:53 10.2.0.2:53 10.1.0.2:5353"
	// masqueraded is the same, and leaves as the router.
	masqueraded = "udp 10.1.0.2:5353 203.0.113.1:53 10.2.0.2:53 10.2.0.1:5353"
)

// nft is a table with a nat chain in prerouting, one in postrouting, and others.
func nft(pre, post, more string) string {
	return "table ip n {\n chain pre { type nat hook prerouting priority -100;\n" + pre + "\n}\n chain post { type nat hook postrouting priority 100;\n" + post + "\n}\n" + more + "\n}\n"
}

// save is the nat table of iptables-save, and what else there is before it.
func save(before, nat string) string { return before + head + nat + "COMMIT\n" }

func table(name, chain, rules string) string {
	return "*" + name + "\n:" + chain + " ACCEPT [0:0]\n" + rules + "COMMIT\n"
}

// TestMadeBy: which rules are named for each half of a mapping, by what a rule asks of the
// flow's first packet and what happened to that before.
func TestMadeBy(t *testing.T) {
	t.Parallel()
	snat := "-j SNAT --to-source 10.2.0.1\n"
	for _, c := range []struct {
		name, rules, flow string
		dst, src          []int
		unknown           string
	}{
		{"a zone that no rule sets", save("", dnat), dns + " zone=7", nil, nil, "zone 7"},
		{"of one direction", save("", dnat), dns + " orig-zone=7", nil, nil, "zone 7"},
		{"a zone of a rule", save(table("raw", "PREROUTING", "-A PREROUTING -i r0 -j CT --zone 7\n"), dnat), dns + " zone=7", []int{1}, nil, ""},
		{"a zone of nft", nft("udp dport 53 dnat to 10.2.0.2", "", "chain z { type filter hook prerouting priority -300; ct zone set 7; }"), dns + " zone=7", []int{1}, nil, ""},
		{"asked for its zone", nft("ct zone 8 udp dport 53 dnat to 10.2.0.2\nct zone 7 udp dport 53 dnat to 10.2.0.2", "", "chain z { type filter hook prerouting priority -300; ct zone set 7; }"), dns + " zone=7", []int{2}, nil, ""},
		{"a template", save("", dnat), dns + " template", nil, nil, "no reply tuple"},
		{"without a reply", save("", dnat), dns + " no-reply", nil, nil, "no reply tuple"},
		{"what surely gives it, behind what may", nft("ip saddr @lan dnat to udp dport map @m\nudp dport 53 dnat to 10.2.0.2", "", ""), dns, []int{2}, nil, ""},
		{"what surely gives it, before what may", nft("ip saddr @lan dnat to 10.2.0.2\nudp dport 53 dnat to udp dport map @m", "", ""), dns, []int{1}, nil, ""},
		{"what may, alone", nft("udp dport 53 dnat to udp dport map @m", "", ""), dns, []int{1}, nil, ""},
		{"the port behind the translation", save("", "-A PREROUTING -p udp -j DNAT --to-destination 10.2.0.2:5300\n-A POSTROUTING -p udp --dport 53 "+snat+"-A POSTROUTING -p udp --dport 5300 "+snat),
			"udp 10.1.0.2:5353 203.0.113.1:53 10.2.0.2:5300 10.2.0.1:5353", []int{1}, []int{2}, ""},
		{"the address behind it", save("", dnat+"-A POSTROUTING -d 203.0.113.1 "+snat+"-A POSTROUTING -d 10.2.0.2 "+snat), masqueraded, []int{1}, []int{2}, ""},
		{"its status behind it", save("", dnat+"-A POSTROUTING -m conntrack ! --ctstate DNAT "+snat+"-A POSTROUTING -m conntrack --ctstate DNAT "+snat), masqueraded, []int{1}, []int{2}, ""},
		{"a mark of forward", save(table("mangle", "FORWARD", "-A FORWARD -p udp -j MARK --set-mark 5\n"), "-A POSTROUTING -m mark --mark 0 "+snat+"-A POSTROUTING -m mark --mark 5 "+snat),
			"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.2.0.1:1", nil, []int{2}, ""},
		{"no mark is likely", save("", "-A POSTROUTING -m mark --mark 5 "+snat+"-A POSTROUTING "+snat), masqueraded, nil, []int{2}, ""},
		{"a mark of the connection", save(table("mangle", "PREROUTING", "-A PREROUTING -p udp -j CONNMARK --set-mark 5\n"), "-A PREROUTING -m connmark --mark 0 -j DNAT --to-destination 10.2.0.2\n-A PREROUTING -m connmark --mark 5 -j DNAT --to-destination 10.2.0.2\n"),
			dns, []int{2}, nil, ""},
		{"what opens a connection", save("", "-A PREROUTING -p tcp --tcp-flags FIN,SYN,RST,ACK ACK -j DNAT --to-destination 10.2.0.2\n-A PREROUTING -p tcp --syn -j DNAT --to-destination 10.2.0.2\n"),
			"tcp 10.1.0.2:1 203.0.113.1:80 10.2.0.2:80 10.1.0.2:1", []int{2}, nil, ""},
		{"an echo request", save("", "-A PREROUTING -p icmp --icmp-type 13 -j DNAT --to-destination 10.2.0.2\n-A PREROUTING -p icmp --icmp-type 8 -j DNAT --to-destination 10.2.0.2\n-A POSTROUTING -p icmp -j MASQUERADE\n"),
			"icmp 10.1.0.2:77 203.0.113.1:0 10.2.0.2:0 10.2.0.1:78", []int{2}, []int{1}, ""},
		{"the tuple it began with", save("", dnat+"-A POSTROUTING -m conntrack --ctorigdst 10.2.0.2 "+snat+"-A POSTROUTING -m conntrack --ctorigdst 203.0.113.1 "+snat), masqueraded, []int{1}, []int{2}, ""},
		{"two nat tables: the first that translates", save("", dnat+"-A PREROUTING -d 203.0.113.1 -j DNAT --to-destination 10.2.0.2\n"), dns, []int{1}, nil, ""},
		{"behind a chain that translates all", nft("", "", "chain a { type nat hook prerouting priority -110; dnat to 10.2.0.3; }\nchain b { type nat hook prerouting priority -90; dnat to 10.2.0.2; }"), dns, nil, nil, ""},
		{"what it came in by is not known behind", nft("", "iifname \"r1\" masquerade\nmasquerade", ""), "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.2.0.1:1", nil, []int{1, 2}, ""},
		{"the interface of before, of the host's own", save("", "-A OUTPUT -o r1 -p udp -j DNAT --to-destination 10.2.0.2\n-A OUTPUT -o r0 -p udp -j DNAT --to-destination 10.2.0.2\n"),
			"udp 10.1.0.1:1 10.1.0.9:53 10.2.0.2:53 10.1.0.1:1", []int{2}, nil, ""},
		{"what ends here", save("", "-A PREROUTING -p udp -j REDIRECT --to-ports 5300\n-A INPUT -i r0 "+snat+"-A POSTROUTING "+snat), "udp 10.1.0.2:1 10.1.0.1:53 10.1.0.1:5300 10.2.0.1:1", []int{1}, []int{1}, ""},
	} {
		o := finderOf(t, c.rules).Look(worded(t, c.flow))
		got := [2][]int{}
		for i, m := range []nat.Made{o.Dst, o.Src} {
			for _, r := range m.Rules {
				got[i] = append(got[i], r.Rule.Index)
			}
		}
		if !slices.Equal(got[0], c.dst) || !slices.Equal(got[1], c.src) || !strings.Contains(o.Unknown, c.unknown) || o.Unknown != "" && c.unknown == "" {
			t.Errorf("%s: destination by %v, source by %v, %q; expected %v, %v, %q", c.name, got[0], got[1], o.Unknown, c.dst, c.src, c.unknown)
		}
	}
}

// TestTranslated: ports count, ICMP's type does not, its identifier does.
func TestTranslated(t *testing.T) {
	t.Parallel()
	for words, want := range map[string][2]bool{
		"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.2:1":     {},
		"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:54 10.1.0.2:1":     {true, false},
		"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.2:2":     {false, true},
		"icmp 10.1.0.2:77 10.2.0.2:0 10.2.0.2:0 10.1.0.2:77":    {},
		"icmp 10.1.0.2:77 10.2.0.2:0 10.2.0.2:0 10.1.0.2:78":    {false, true},
		"icmp 10.1.0.2:77 203.0.113.1:0 10.2.0.2:0 10.1.0.2:77": {true, false},
	} {
		l := worded(t, words)
		if got := [2]bool{nat.Translated(l, false), nat.Translated(l, true)}; got != want {
			t.Errorf("%s: %v, expected %v", words, got, want)
		}
	}
}

// TestStale: where today's rules surely would not do what they did, and where nobody knows.
func TestStale(t *testing.T) {
	t.Parallel()
	forward := func(rules string) string { return table("filter", "FORWARD", rules) }
	late := func(rules string) string {
		return "chain l { type filter hook prerouting priority 0;\n" + rules + "\n}"
	}
	for _, c := range []struct{ name, rules, flow, kind, words string }{
		{"a mark that nobody knows", save(forward("-A FORWARD -m mark --mark 0 -j DROP\n"), dnat), dns, "", ""},
		{"an interface that nobody knows", save(forward("-A FORWARD -i r0 -j DROP\n"), dnat), dns, "", ""},
		{"one that is known", save(forward("-A FORWARD -o r1 -j DROP\n"), dnat), dns, nat.WouldDrop, "rule 1 of filter FORWARD"},
		{"rejected", save(forward("-A FORWARD -j REJECT\n"), dnat), dns, nat.WouldDrop, "rule 1 of filter FORWARD"},
		{"several drops", save(forward("-A FORWARD -m length --length 0:99 -j DROP\n-A FORWARD -j REJECT\n"), dnat), dns, nat.WouldDrop, "today's rules of filter FORWARD would drop it"},
		{"a queue may let it pass", save(forward("-A FORWARD -j NFQUEUE --queue-num 1\n"), dnat), dns, "", ""},
		{"a queue before a drop", save(table("mangle", "FORWARD", "-A FORWARD -j NFQUEUE --queue-num 1\n")+forward("-A FORWARD -j DROP\n"), dnat), dns, "", ""},
		{"a drop before a queue", save(table("mangle", "FORWARD", "-A FORWARD -j DROP\n")+forward("-A FORWARD -j NFQUEUE --queue-num 1\n"), dnat), dns, nat.WouldDrop, "rule 1 of mangle FORWARD"},
		{"a drop before a queue and before the translation", save(table("raw", "PREROUTING", "-A PREROUTING -j DROP\n")+table("mangle", "PREROUTING", "-A PREROUTING -j NFQUEUE --queue-num 1\n"), dnat), dns, nat.WouldDrop, "rule 1 of raw PREROUTING"},
		{"a queue before the drop of another hook", save(forward("-A FORWARD -j NFQUEUE --queue-num 1\n")+table("mangle", "POSTROUTING", "-A POSTROUTING -j DROP\n"), dnat), dns, "", ""},
		{"a drop before a queue behind", nft("", "", "chain a { type filter hook postrouting priority -150; drop; }\nchain b { type filter hook postrouting priority -140; queue; }"),
			"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.2:1", nat.WouldDrop, "rule 1 of n a"},
		{"a queue before the translation", save(table("mangle", "PREROUTING", "-A PREROUTING -j NFQUEUE --queue-num 1\n"), ""), dns, "", ""},
		{"a queue behind", save(table("mangle", "POSTROUTING", "-A POSTROUTING -j NFQUEUE --queue-num 1\n"), dnat), masqueraded, "", ""},
		{"what it answers", save(forward("-A FORWARD -m conntrack --ctreplsrc 10.2.0.2 -j DROP\n"), ""), "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.2:1", nat.WouldDrop, ""},
		{"perhaps not tracked", save(table("raw", "PREROUTING", "-A PREROUTING -m length --length 0:99 -j NOTRACK\n"), ""), dns, "", ""},
		{"one port of several", save(forward("-A FORWARD -j DROP\n"), "-A PREROUTING -p udp -j DNAT --to-destination 10.2.0.2:53-60\n"), dns, "", ""},
		{"translated or not", save(forward("-A FORWARD -j DROP\n"), "-A PREROUTING -p udp -m length --length 0:99 -j DNAT --to-destination 10.2.0.2\n"), dns, "", ""},
		{"one of two, or none", save("", "-A PREROUTING -p udp -m length --length 0:99 -j DNAT --to-destination 10.2.0.3\n"), dns, nat.WouldMap, "rule 1 of nat PREROUTING (iptables-legacy ip) or none at all"},
		{"it leaves as another", save("", dnat+"-A POSTROUTING -j SNAT --to-source 203.0.113.1\n"), masqueraded, nat.WouldMap, "it leaves as 10.2.0.1:5353, and today rule 1 of nat POSTROUTING (iptables-legacy ip) would make it 203.0.113.1"},
		{"not translated then, today it would be", save("", strings.Replace(dnat, "10.2.0.2", "10.2.0.3", 1)), "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.2:1", nat.WouldMap, "its destination is 10.2.0.2:53, and today rule 1"},
		{"translation where none can be", save(table("filter", "FORWARD", "-A FORWARD -j DNAT --to-destination 10.2.0.3\n"), dnat), dns, "", ""},
		{"and a drop behind that", save(table("filter", "FORWARD", "-A FORWARD -j DNAT --to-destination 10.2.0.3\n")+table("mangle", "POSTROUTING", "-A POSTROUTING -j DROP\n"), dnat), dns, "", ""},
		{"two nat chains in an order that nobody knows", nft("", "", "") + "table ip x { chain a { type nat hook prerouting priority -100; dnat to 10.2.0.3; }; }\ntable ip y { chain a { type nat hook prerouting priority -100; dnat to 10.2.0.4; }; }", dns, "", ""},
		{"behind the translation it is another's", nft("udp dport 53 dnat to 10.2.0.2", "", late("ip daddr 203.0.113.1 drop")), dns, "", ""},
		{"there it has a status", nft("udp dport 53 dnat to 10.2.0.2", "", late("ct status dnat accept\ndrop")), dns, "", ""},
		{"dropped there", nft("udp dport 53 dnat to 10.2.0.2", "", late("ip daddr 10.2.0.2 drop")), dns, nat.WouldDrop, "rule 1 of n l"},
		{"dropped there, were it translated so", nft("udp dport 53 dnat to { 10.2.0.2, 10.2.0.3 }", "", late("ip daddr 10.2.0.2 drop")), dns, "", ""},
		{"translated otherwise before that", nft("udp dport 53 dnat to 10.2.0.3", "", late("ip daddr 10.2.0.2 drop")), dns, nat.WouldMap, "would make it 10.2.0.3"},
		{"the host's own filter is behind", save(table("filter", "OUTPUT", "-A OUTPUT -d 10.2.0.2 -j ACCEPT\n-A OUTPUT -j DROP\n"), "-A OUTPUT -p udp -j DNAT --to-destination 10.2.0.2\n"),
			"udp 10.1.0.1:1 10.1.0.9:53 10.2.0.2:53 10.1.0.1:1", "", ""},
		{"behind the source's translation", nft("", "masquerade", "chain l { type filter hook postrouting priority 150; ip saddr 10.2.0.1 ct status snat drop; }"),
			"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.2.0.1:1", nat.WouldDrop, "rule 1 of n l"},
		{"where it is not what it was before", nft("", "masquerade", "chain l { type filter hook postrouting priority 150; ip saddr 10.1.0.2 drop; }"),
			"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.2.0.1:1", "", ""},
		{"a late chain of forward is not behind it", nft("", "masquerade", "chain l { type filter hook forward priority 150; ip saddr 10.1.0.2 drop; }"),
			"udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.2.0.1:1", nat.WouldDrop, "rule 1 of n l"},
	} {
		s := finderOf(t, c.rules).Stale(worded(t, c.flow))
		if s.Kind != c.kind || !strings.Contains(s.Words, c.words) {
			t.Errorf("%s: %q %q, expected %q %q", c.name, s.Kind, s.Words, c.kind, c.words)
		}
	}
	gone := worded(t, dns)
	f := finderOf(t, save("", ""))
	if f.Stale(gone).Kind == "" {
		t.Error("without rules it is not stale")
	}
	gone.Gone = true
	if s := f.Stale(gone); s.Kind != "" || f.IsStale(gone) {
		t.Errorf("one that is over is stale: %s", s.Words)
	}
}
