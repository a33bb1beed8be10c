package walk_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// ends walks a UDP packet to port 9 through the chain INPUT of a filter table and lists
// where it can end: "U 2 drop", "INPUT policy accept", with ! behind the only one.
func ends(t *testing.T, rules string) string {
	t.Helper()
	text := "*filter\n:INPUT ACCEPT [0:0]\n:U - [0:0]\n:V - [0:0]\n" + rules + "\nCOMMIT\n"
	d, found := ruleset.ParseSave("test", []byte(text), ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
	for _, p := range found {
		t.Error(p)
	}
	rs := &model.Ruleset{Tables: d.Tables()}
	rs.Number()
	p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.1.0.1"),
		SPort: 4, DPort: 9, Transport: true}
	r := walk.New(ruleset.NewIndex(rs)).Chain(rs.Tables[0], rs.Tables[0].Chain("INPUT"), p, fact.Facts{Bare: true, Mark: fact.Of(uint32(0))}, false)
	var l []string
	for _, e := range r.Ends {
		s := e.Chain.Name + " policy " + e.Verdict.String()
		if e.Rule != nil {
			s = fmt.Sprintf("%s %d %s", e.Chain.Name, e.Rule.Index, e.Verdict)
		}
		if e.Sure {
			s += "!"
		}
		l = append(l, s)
	}
	return strings.Join(l, ", ")
}

// TestEnds: what is certain has one end, what is not has all that are possible, in order.
func TestEnds(t *testing.T) {
	maybe := "-m length --length 0:50 "
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
		{"a mark that is known", "-A INPUT -j MARK --set-xmark 0x1/0xffffffff\n-A INPUT -m mark --mark 0x1 -j DROP", "INPUT 2 drop!"},
		{"a mark that may be", "-A INPUT " + maybe + "-j MARK --set-xmark 0x1/0xffffffff\n-A INPUT -m mark --mark 0x1 -j DROP", "INPUT 2 drop, INPUT policy accept"},
		{"a mark before return", "-A INPUT -j U\n-A INPUT -m mark --mark 0x1 -j DROP\n-A U " + maybe + "-j RETURN\n-A U -j MARK --set-xmark 0x1/0xffffffff", "INPUT 2 drop, INPUT policy accept"},
		{"a queue", "-A INPUT -j NFQUEUE --queue-num 1\n-A INPUT -j DROP", "INPUT 1 queue!"},
		{"a target that hangs on sockets", "-A INPUT -p udp -j TPROXY --on-port 1\n-A INPUT -j DROP", "INPUT 1 unknown, INPUT 2 drop"},
	} {
		if got := ends(t, c.rules); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
}
