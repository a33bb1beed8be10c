package walk_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// filter reads a table filter: the lines of iptables-save in it, or all of nft list ruleset.
func filter(t *testing.T, b model.Backend, text string) *model.Ruleset {
	t.Helper()
	rs := &model.Ruleset{}
	var found []ruleset.Problem
	if b == model.BackendNFTables {
		rs.Tables, found = ruleset.ParseNFT("test", []byte(text))
	} else {
		var d *ruleset.Document
		d, found = ruleset.ParseSave("test", []byte("*filter\n"+text+"\nCOMMIT\n"), ruleset.Options{Backend: b, Family: model.FamilyIPv4})
		rs.Tables = d.Tables()
	}
	for _, p := range found {
		t.Error(p)
	}
	rs.Number()
	return rs
}

// first is what is known of a first packet: it has no mark.
func first() fact.Facts { return fact.Facts{Bare: true, Mark: fact.Of(uint32(0))} }

// walked walks a UDP packet from 10.1.0.2:4 to 10.1.0.1:9 through the chain INPUT of a table
// filter and lists where it can end: "U 2 drop", "INPUT policy accept", with ! behind the only
// one, and nat before the verdict of what translates. rules are those of iptables-save, or the
// chains of nft list ruleset; a rule of the comment unread, or empty,
// could not be printed, and a chain gone was taken away.
func walked(t *testing.T, b model.Backend, rules string, f fact.Facts, muddled bool) (string, walk.Result) {
	t.Helper()
	text := "table ip filter {\n" + rules + "\n}\n"
	if b != model.BackendNFTables {
		text = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:U - [0:0]\n:V - [0:0]\n:W - [0:0]\n" + rules
	}
	rs := filter(t, b, text)
	rs.Tables[0].Chains = slices.DeleteFunc(rs.Tables[0].Chains, func(c *model.Chain) bool { return c.Name == "gone" }) // between two readings
	for _, ch := range rs.Tables[0].Chains {
		for i := range ch.Rules {
			if r := &ch.Rules[i]; strings.Contains(r.Text, "unread") {
				r.Text = "# a rule of 128 bytes that iptables does not print"
			} else if strings.Contains(r.Text, "empty") {
				r.Text = ""
			}
		}
	}
	p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.1.0.1"),
		SPort: 4, DPort: 9, Transport: true}
	r := walk.New(ruleset.NewIndex(rs)).Chain(rs.Tables[0], rs.Tables[0].Chain("INPUT"), p, f, muddled)
	var l []string
	for _, e := range r.Ends {
		s := e.Chain.Name + " policy " + e.Verdict.String()
		if e.Rule != nil {
			s = fmt.Sprintf("%s %d %s", e.Chain.Name, e.Rule.Index, e.Verdict)
		}
		if e.NAT {
			s = strings.Replace(s, e.Verdict.String(), "nat "+e.Verdict.String(), 1)
		}
		if e.Sure {
			s += "!"
		}
		if (e.Read == nil) != (e.Rule == nil) && e.Verdict != model.VerdictUnknown {
			t.Errorf("%s: as it was read it is %v", s, e.Read)
		}
		l = append(l, s)
	}
	return strings.Join(l, ", "), r
}

// TestEnds: what is certain has one end, what is not has all that are possible, in order.
func TestEnds(t *testing.T) {
	maybe := "-m length --length 0:50 "
	const mark, marked, unmarked = "-j MARK --set-xmark 0x1/0xffffffff\n", "-m mark --mark 0x1 -j DROP", "-m mark --mark 0 -j DROP"
	for _, c := range []struct{ name, rules, want string }{
		{"no rule", "", "INPUT policy accept!"},
		{"first match", "-A INPUT -p tcp -j DROP\n-A INPUT -p udp -j DROP\n-A INPUT -j ACCEPT", "INPUT 2 drop!"},
		{"maybe", "-A INPUT " + maybe + "-j DROP\n-A INPUT -j ACCEPT\n-A INPUT -j DROP", "INPUT 1 drop, INPUT 2 accept"},
		{"return of a base chain", "-A INPUT -j RETURN\n-A INPUT -j DROP", "INPUT policy accept!"},
		{"a call that comes back", "-A INPUT " + maybe + "-j U\n-A INPUT -j DROP\n-A U -p tcp -j ACCEPT", "INPUT 2 drop!"},
		{"a call that may end", "-A INPUT -j U\n-A INPUT -j DROP\n-A U " + maybe + "-j ACCEPT", "U 1 accept, INPUT 2 drop"},
		{"a call that ends", "-A INPUT " + maybe + "-j U\n-A INPUT -j DROP\n-A U -j ACCEPT", "U 1 accept, INPUT 2 drop"},
		{"a call that returns", "-A INPUT -j U\n-A INPUT -j DROP\n-A U " + maybe + "-j RETURN\n-A U -j REJECT", "U 2 reject, INPUT 2 drop"},
		{"goto leaves its caller", "-A INPUT -j U\n-A INPUT -j DROP\n-A U -g V\n-A U -j ACCEPT\n-A V -p tcp -j ACCEPT", "INPUT 2 drop!"},
		{"goto from a base chain", "-A INPUT -g U\n-A INPUT -j DROP\n-A U -p tcp -j ACCEPT", "INPUT policy accept!"},
		{"a mark that is known", "-A INPUT " + mark + "-A INPUT " + marked, "INPUT 2 drop!"},
		{"a mark that may be", "-A INPUT " + maybe + mark + "-A INPUT " + marked, "INPUT 2 drop, INPUT policy accept"},
		{"a mark before return", "-A INPUT -j U\n-A INPUT " + marked + "\n-A U " + maybe + "-j RETURN\n-A U " + mark, "INPUT 2 drop, INPUT policy accept"},
		{"a mark between two returns", "-A INPUT -j U\n-A INPUT " + unmarked + "\n-A U " + maybe + "-j RETURN\n-A U " + mark + "-A U -j RETURN", "INPUT 2 drop, INPUT policy accept"},
		{"a mark between return and goto", "-A INPUT -j U\n-A INPUT " + unmarked + "\n-A U " + maybe + "-j RETURN\n-A U " + mark + "-A U -g V", "INPUT 2 drop, INPUT policy accept"},
		{"a mark of those that do not come back", "-A INPUT -j U\n-A INPUT " + unmarked + "\n-A U " + maybe + "-j RETURN\n-A U " + mark + "-A U -j REJECT", "U 3 reject, INPUT 2 drop"},
		{"a mark of a call that may be", "-A INPUT " + maybe + "-j U\n-A INPUT " + unmarked + "\n-A U " + mark, "INPUT 2 drop, INPUT policy accept"},
		{"a translation", "-A INPUT " + maybe + "-j SNAT --to-source 10.9.9.9\n-A INPUT -j ACCEPT", "INPUT 1 nat accept, INPUT 2 accept"},
		{"a queue", "-A INPUT -j NFQUEUE --queue-num 1\n-A INPUT -j DROP", "INPUT 1 queue!"},
		{"a target that hangs on sockets", "-A INPUT -p udp -j TPROXY --on-port 1\n-A INPUT -j DROP", "INPUT 1 unknown, INPUT 2 drop"},
		{"nobody could print it", "-A INPUT -m comment --comment unread -j DROP\n-A INPUT " + unmarked, "INPUT 1 unknown, INPUT 2 drop, INPUT policy accept"},
		{"nor this", "-A INPUT -m comment --comment empty -j DROP\n-A INPUT " + unmarked, "INPUT 1 unknown, INPUT 2 drop, INPUT policy accept"},
		{"a base chain that is called", "-A INPUT -j FORWARD\n-A INPUT " + unmarked + "\n-A FORWARD -j REJECT", "INPUT 1 unknown, INPUT 2 drop, INPUT policy accept"},
		{"a chain that calls itself", "-A INPUT -j U\n-A U -j U\n-A U -j DROP", "U 1 unknown, U 2 drop"},
		{"what legacy never matches", "-A INPUT -p udp -m udp ! --sport 0:65535 -j DROP", "INPUT policy accept!"},
	} {
		if got, _ := walked(t, model.BackendLegacy, c.rules, first(), false); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
	if got, _ := walked(t, model.BackendIptablesNFT, "-A INPUT -p udp -m udp ! --sport 0:65535 -j DROP", first(), false); got != "INPUT 1 drop!" {
		t.Errorf("iptables-nft: %s", got)
	}
}

// TestEndsNFT: the same of nftables, whose rules change the packet too.
func TestEndsNFT(t *testing.T) {
	const maybe = "meta length 0-50 "
	for _, c := range []struct{ name, rules, more, want string }{
		{"no rule", "", "", "INPUT policy accept!"},
		{"the verdicts", maybe + "drop\n" + maybe + "reject\n" + maybe + "queue to 1\ncontinue\nreturn\ndrop", "", "INPUT 1 drop, INPUT 2 reject, INPUT 3 queue, INPUT policy accept"},
		{"a synproxy", "synproxy mss 1460 wscale 7\ndrop", "", "INPUT 1 stolen, INPUT 2 drop"},
		{"a translation", maybe + "dnat to 10.9.9.9\n" + maybe + "redirect to :80\nmasquerade\ndrop", "", "INPUT 1 nat accept, INPUT 2 nat accept, INPUT 3 nat accept"},
		{"a chain that is not there", "jump gone\nmeta mark 0 drop", "chain gone {\n}", "INPUT 1 unknown, INPUT 2 drop, INPUT policy accept"},
		{"a call", "jump U\ndrop", "chain U {\nreturn\naccept\n}", "INPUT 2 drop!"},
		{"goto", "jump U\ndrop", "chain U {\ngoto V\naccept\n}\nchain V {\ntcp dport 1 accept\n}", "INPUT 2 drop!"},
		{"a call by the rules in braces", "jump {\naccept\n}\nmeta mark 0 drop", "", "INPUT 1 unknown, INPUT 2 drop, INPUT policy accept"},
		{"goto by a map of verdicts", "jump U\ndrop", "chain U {\nudp dport vmap { 9 : goto V }\naccept\n}\nchain V {\ntcp dport 1 accept\n}", "INPUT 2 drop!"},
		{"continue by a map of verdicts", "udp dport vmap { 9 : continue }\ndrop", "", "INPUT 2 drop!"},
		{"return by a map of verdicts", "jump U\ndrop", "chain U {\nudp dport vmap { 9 : return }\naccept\n}", "INPUT 2 drop!"},
		{"a map of verdicts", "udp dport vmap { 9 : jump U, 10 : accept }\ndrop", "chain U {\nreject\n}", "U 1 reject!"},
		{"that leaves it", "udp dport vmap { 8 : drop, 10 : accept }\nreject", "", "INPUT 2 reject!"},
		{"that nobody knows", "udp dport vmap @m\nreject", "", "INPUT 1 unknown, INPUT 2 reject"},
		{"what changed only those that end", maybe + "meta mark set 1 drop\nmeta mark 0 accept", "", "INPUT 1 drop, INPUT 2 accept"},
		{"another address", "ip daddr set 10.9.9.9\nip daddr 10.9.9.9 drop", "", "INPUT 2 drop!"},
		{"another mark", "meta mark set 1\nmeta mark 1 drop", "", "INPUT 2 drop!"},
		{"perhaps another", maybe + "ip daddr set 10.9.9.9\nip daddr 10.1.0.1 drop", "", "INPUT 2 drop, INPUT policy accept"},
		{"perhaps another, and a map of verdicts", maybe + "ip daddr set 10.9.9.9\nip daddr vmap { 10.1.0.1 : drop, 10.9.9.9 : accept }", "", "INPUT 2 unknown, INPUT policy accept"},
		{"perhaps another, and a rule that ends nothing", maybe + "ip daddr set 10.9.9.9\nip daddr 10.1.0.1 counter\ndrop", "", "INPUT 3 drop, INPUT policy accept"},
		{"perhaps another in a call that may be", maybe + "jump U\nip daddr 10.1.0.1 drop", "chain U {\n" + maybe + "ip daddr set 10.9.9.9\n}", "INPUT 2 drop, INPUT policy accept"},
		{"perhaps another in what is left by goto", "jump U\nip daddr 10.1.0.1 drop", "chain U {\n" + maybe + "goto V\n}\nchain V {\n" + maybe + "ip daddr set 10.9.9.9\n}", "INPUT 2 drop, INPUT policy accept"},
		{"another before what nobody knows", "ip daddr set 10.9.9.9 tproxy to :50080\nip daddr 10.1.0.1 drop", "", "INPUT 1 unknown, INPUT 2 drop, INPUT policy accept"},
		{"perhaps another before a translation", maybe + "ip daddr set 10.9.9.9\nip daddr 10.1.0.1 dnat to 10.2.0.2", "", "INPUT 2 nat accept, INPUT policy accept"},
	} {
		if got, _ := walked(t, model.BackendNFTables, "chain INPUT {\ntype filter hook input priority 0;\n"+c.rules+"\n}\n"+c.more, first(), false); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
}

// TestEndsOfConnections: what rules do to what conntrack has of a packet, where it is not known
// whether they did.
func TestEndsOfConnections(t *testing.T) {
	const maybe, untracked, unmarked = "-m length --length 0:50 ", "-m conntrack --ctstate UNTRACKED -j DROP\n", "-m connmark --mark 0 -j DROP\n"
	none := fact.Of[*fact.Connection](nil) // before conntrack has seen it
	entry := fact.Of(&fact.Connection{State: fact.New, Mark: fact.Of(uint32(0))})
	for _, c := range []struct {
		name, rules, want string
		of                fact.Fact[*fact.Connection]
	}{
		{"not tracked", "-A INPUT -j NOTRACK\n-A INPUT " + untracked, "INPUT 2 drop!", none},
		{"perhaps not", "-A INPUT " + maybe + "-j NOTRACK\n-A INPUT " + untracked, "INPUT 2 drop, INPUT policy accept", none},
		{"and surely not new", "-A INPUT " + maybe + "-j NOTRACK\n-A INPUT -m conntrack --ctstate NEW -j DROP", "INPUT policy accept!", none},
		{"those that left are not", "-A INPUT -j U\n-A INPUT " + untracked + "-A U " + maybe + "-g V\n-A V -j NOTRACK", "INPUT 2 drop, INPUT policy accept", none},
		{"and of the others perhaps", "-A INPUT -j U\n-A INPUT " + untracked + "-A U " + maybe + "-g V\n-A U " + maybe + "-j NOTRACK\n-A V -j NOTRACK", "INPUT 2 drop, INPUT policy accept", none},
		{"not known in a call that may be", "-A INPUT " + maybe + "-j U\n-A INPUT " + untracked + "-A U -j W\n-A W " + maybe + "-g V\n-A V -j NOTRACK", "INPUT 2 drop, INPUT policy accept", none},
		{"a mark", "-A INPUT -j CONNMARK --set-xmark 0x1\n-A INPUT " + unmarked, "INPUT policy accept!", entry},
		{"perhaps a mark", "-A INPUT " + maybe + "-j CONNMARK --set-xmark 0x1\n-A INPUT " + unmarked, "INPUT 2 drop, INPUT policy accept", entry},
		{"by what nobody could print", "-A INPUT -m comment --comment unread\n-A INPUT " + unmarked, "INPUT 1 unknown, INPUT 2 drop, INPUT policy accept", entry},
		{"no entry has none", "-A INPUT -m comment --comment unread\n-A INPUT -m conntrack --ctstate NEW -j DROP", "INPUT 1 unknown, INPUT policy accept", none},
	} {
		if got, _ := walked(t, model.BackendLegacy, c.rules, fact.Facts{Bare: true, Mark: fact.Of(uint32(0)), Connection: c.of}, false); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
	if entry.Value.Mark != fact.Of(uint32(0)) {
		t.Error("the connection that was given is another now")
	}
}

// TestGoesOnAs: what a packet is behind a chain that lets it pass.
func TestGoesOnAs(t *testing.T) {
	t.Parallel()
	chain := func(rules string) string {
		return "chain INPUT {\ntype filter hook input priority 0;\n" + rules + "\n}"
	}
	if _, r := walked(t, model.BackendNFTables, chain("ip daddr set 10.9.9.9 meta mark set 7"), first(), false); r.Packet.Dst.String() != "10.9.9.9" || r.Facts.Mark != fact.Of(uint32(7)) || r.Muddled {
		t.Errorf("%+v", r)
	}
	if _, r := walked(t, model.BackendNFTables, chain("meta length 0-50 ip daddr set 10.9.9.9"), first(), false); !r.Muddled {
		t.Error("perhaps another address, and it is taken for known")
	}
	for rules, want := range map[string]string{"-A INPUT -d 10.9.9.9 -j DROP": "INPUT 1 drop, INPUT policy accept", "-A INPUT -d 10.1.0.1 -j DROP": "INPUT 1 drop, INPUT policy accept"} {
		if got, r := walked(t, model.BackendLegacy, rules, first(), true); got != want || !r.Muddled {
			t.Errorf("%s of a packet whose headers are not known: %s", rules, got)
		}
	}
	d, _ := ruleset.ParseSave("test", []byte("*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j SNPT --src-pfx fd00:1::/64 --dst-pfx fd00:2::/64\n-A POSTROUTING -s fd00:2::/64 -j DROP\nCOMMIT\n"), ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv6})
	six := &model.Ruleset{Tables: d.Tables()}
	six.Number()
	p := model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoUDP, Src: netip.MustParseAddr("fd00:1::2"), Dst: netip.MustParseAddr("fd00:9::1")}
	if r := walk.New(ruleset.NewIndex(six)).Chain(six.Tables[0], six.Tables[0].Chains[0], p, first(), false); len(r.Ends) != 2 || !r.Muddled {
		t.Errorf("behind SNPT: %+v", r)
	}
	rs := filter(t, model.BackendLegacy, "-A INPUT -p tcp -j DROP") // a file without the chain's policy
	if r := walk.New(ruleset.NewIndex(rs)).Chain(rs.Tables[0], rs.Tables[0].Chain("INPUT"), model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP}, first(), false); len(r.Ends) != 1 || r.Ends[0].Verdict != model.VerdictAccept {
		t.Errorf("without a policy: %+v", r.Ends)
	}
}

// TestBounded: a walk of more rules than anybody waits for ends, and says that it does not know.
func TestBounded(t *testing.T) {
	t.Parallel()
	const levels = 17
	var head, rules strings.Builder
	for i := range levels {
		fmt.Fprintf(&rules, "-A C%d -j C%d\n-A C%d -j C%d\n", i, i+1, i, i+1)
	}
	for i := range levels + 1 {
		fmt.Fprintf(&head, ":C%d - [0:0]\n", i)
	}
	rs := filter(t, model.BackendLegacy, ":INPUT ACCEPT [0:0]\n"+head.String()+"-A INPUT -j C0\n"+rules.String()+fmt.Sprintf("-A C%d -p udp", levels))
	r := walk.New(ruleset.NewIndex(rs)).Chain(rs.Tables[0], rs.Tables[0].Chain("INPUT"), model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP}, first(), false)
	if !slices.ContainsFunc(r.Ends, func(e walk.End) bool { return e.Verdict == model.VerdictUnknown }) {
		t.Errorf("%d ends, and all are known", len(r.Ends))
	}
}
