package journey

import (
	"testing"

	"nfscope/model"
)

// TestAlters: what a rule may write into packets is told by its statement or target; what nobody
// can read may write anything.
func TestAlters(t *testing.T) {
	nft := func(text string) model.Rule { return model.Rule{Text: text} }
	ipt := func(target, text string) model.Rule { return model.Rule{Target: target, Text: text} }
	ttl, tos, content, none := alters{ttl: true}, alters{tos: true}, alters{content: true}, alters{}
	for _, c := range []struct {
		backend model.Backend
		rule    model.Rule
		want    alters
	}{
		{model.BackendNFTables, nft("udp dport 53 accept"), none},
		{model.BackendNFTables, nft("ip ttl set 63"), ttl},
		{model.BackendNFTables, nft("ip6 hoplimit set 63"), ttl},
		{model.BackendNFTables, nft("ip dscp set cs1"), tos},
		{model.BackendNFTables, nft("ip ttl set 63 ip dscp set cs1"), alters{ttl: true, tos: true}},
		{model.BackendNFTables, nft("meta mark set 0x1"), none},
		{model.BackendNFTables, nft("udp dport set 54"), none},
		{model.BackendNFTables, nft("ct mark set 0x1"), none},
		{model.BackendNFTables, nft("ct helper set \"ftp-standard\""), content},
		{model.BackendNFTables, nft("ct timeout set \"long\""), none},
		{model.BackendNFTables, nft("ct helper set \"ftp-standard\" ct timeout set \"long\""), content},
		{model.BackendNFTables, nft("ip id set 0"), everything()},
		{model.BackendNFTables, nft("@th,64,8 set 0x1"), everything()},
		{model.BackendNFTables, nft("what nobody knows set 1"), everything()},
		{model.BackendNFTables, nft("# what nft cannot print"), everything()},
		{model.BackendNFTables, nft("counter xt target \"DSCP\""), everything()},
		{model.BackendLegacy, ipt("TTL", "-j TTL --ttl-set 63"), ttl},
		{model.BackendIptablesNFT, ipt("HL", "-j HL --hl-set 63"), ttl},
		{model.BackendLegacy, ipt("TOS", "-j TOS --set-tos 0x10/0x3f"), tos},
		{model.BackendLegacy, ipt("DSCP", "-j DSCP --set-dscp 0x08"), tos},
		{model.BackendLegacy, ipt("ECN", "-p tcp -j ECN --ecn-tcp-remove"), tos},
		{model.BackendLegacy, ipt("CT", "-p tcp -j CT --helper ftp"), content},
		{model.BackendLegacy, ipt("CT", "-j CT --notrack"), none},
		{model.BackendLegacy, ipt("MARK", "-j MARK --set-xmark 0x1/0xffffffff"), none},
		{model.BackendLegacy, ipt("", "-s 10.0.0.1/32"), none},
		{model.BackendLegacy, ipt("ACCEPT", "-j ACCEPT"), none},
		{model.BackendLegacy, model.Rule{Target: "own", Jump: "own", Text: "-j own"}, none},
		{model.BackendLegacy, ipt("TPROXY", "-p tcp -j TPROXY --on-port 1 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0"), none},
		{model.BackendLegacy, ipt("SYNPROXY", "-p tcp -j SYNPROXY --mss 1460"), none},
		{model.BackendLegacy, ipt("TEE", "-j TEE --gateway 10.0.0.1"), none},
		{model.BackendLegacy, ipt("CHECKSUM", "-p udp -j CHECKSUM --checksum-fill"), none},
		{model.BackendLegacy, ipt("TCPMSS", "-p tcp -j TCPMSS --clamp-mss-to-pmtu"), none},
		{model.BackendLegacy, ipt("TCPOPTSTRIP", "-p tcp -j TCPOPTSTRIP --strip-options timestamp"), none},
		{model.BackendLegacy, ipt("MYSTERY", "-j MYSTERY"), everything()},
	} {
		if got := altersOf(c.backend, model.FamilyIPv4, &c.rule); got != c.want {
			t.Errorf("%s: %q may write %+v, want %+v", c.backend, c.rule.Text, got, c.want)
		}
	}
	if everything() != (alters{true, true, true}) {
		t.Error("a rule that nobody can read leaves something alone")
	}
	for _, o := range []alters{none, ttl, tos, content} {
		for _, a := range []alters{none, ttl, tos, content} {
			if both := (alters{a.ttl || o.ttl, a.tos || o.tos, a.content || o.content}); both != sum(a, o) {
				t.Errorf("%+v and %+v make %+v", a, o, sum(a, o))
			}
		}
	}
}

func sum(a, b alters) alters { a.add(b); return a }

// TestHopLimit: a router lowers the hop limit by one, before forward; in the other order the later
// place may have been told of first. Of a bridge's chains and a device's nobody knows on which
// side they stand. Where a rule may write it, it tells nothing.
func TestHopLimit(t *testing.T) {
	ip, bridge := model.FamilyIPv4, model.FamilyBridge
	for _, c := range []struct {
		name            string
		was, is         model.Hook
		family, family2 model.Family
		least, most     int // by which it may be lower
	}{
		{"before routing", model.HookPrerouting, model.HookPrerouting, ip, ip, 0, 0},
		{"delivered", model.HookPrerouting, model.HookInput, ip, ip, 0, 0},
		{"routed", model.HookPrerouting, model.HookForward, ip, ip, 0, 1},
		{"behind routing", model.HookForward, model.HookPostrouting, ip, ip, 0, 0},
		{"told of in the other order", model.HookForward, model.HookPrerouting, ip, ip, -1, 0},
		{"a bridge told of it last", model.HookForward, model.HookForward, ip, bridge, -1, 1},
		{"a bridge told of it first", model.HookPrerouting, model.HookPrerouting, bridge, ip, -1, 1},
	} {
		for lower := -2; lower <= 2; lower++ {
			for _, rule := range []bool{false, true} {
				p := udp("10.1.0.1", 5)
				q := *p
				q.TTL = uint8(int(p.TTL) - lower)
				b := &builder{bases: &bases{alters: alters{ttl: rule}}}
				if got, want := b.alike(p, &walk{family: c.family, place: place{hook: c.was}}, place{hook: c.is}, &Event{Family: c.family2, Packet: &q}), rule || lower >= c.least && lower <= c.most; got != want {
					t.Errorf("%s, lower by %d, a rule may write it %v: alike %v", c.name, lower, rule, got)
				}
			}
		}
	}
}
