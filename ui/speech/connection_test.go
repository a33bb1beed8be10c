package speech

import (
	"net/netip"
	"regexp"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
)

// TestEveryConnection: how the packets of a connection go, and its reply, is told without a word
// of English, whatever is translated and whoever forwards.
func TestEveryConnection(t *testing.T) {
	t.Parallel()
	say, english := In("zh").Connection(), regexp.MustCompile(`[a-z]{2,} [a-z]{2,}|\b(?:the|by|as|it|is)\b`)
	han := regexp.MustCompile(`\p{Han}`)
	classes := [][]flow.Class{nil, {flow.ClassRedirect}, {flow.ClassDNAT}, {flow.ClassSNAT}, {flow.ClassMasquerade}, {flow.ClassPort},
		{flow.ClassDNAT, flow.ClassSNAT, flow.ClassHairpin}, {flow.ClassRedirect, flow.ClassMasquerade}}
	told := map[string]string{}
	for _, proto := range []model.Proto{model.ProtoTCP, model.ProtoICMP, model.ProtoICMPv6, model.ProtoGRE} {
		for _, status := range []flow.Status{0, flow.SeenReply, flow.SrcNAT, flow.DstNAT, flow.SrcNAT | flow.DstNAT, flow.SrcNAT | flow.DstNAT | flow.Offload, flow.HWOffload} {
			for _, class := range classes {
				for _, src := range []string{"10.1.0.5", "2001:db8::5"} {
					for _, port := range []uint16{51000, 40001} {
						fl := &flow.Flow{Status: status, NAT: flow.NAT{Class: class}}
						fl.Orig.Tuple = model.Tuple{Proto: proto, Src: netip.MustParseAddr(src), SPort: 51000, Dst: netip.MustParseAddr("203.0.113.1"), DPort: 443}
						fl.Reply.Tuple = fl.Orig.Tuple.Reverse()
						if fl.Reply.Tuple.DPort = port; proto != model.ProtoTCP {
							fl.Reply.Tuple.SPort = port
						}
						for _, s := range fl.Explain() {
							told[s] = say(s)
						}
					}
				}
			}
		}
	}
	kinds := map[string]bool{}
	for s, said := range told {
		if !han.MatchString(said) || english.MatchString(said) {
			t.Errorf("%q is %q", s, said)
		}
		kinds[regexp.MustCompile(`[\d.:a-f\[\]]+`).ReplaceAllString(s, "#")] = true
	}
	if len(kinds) < 15 {
		t.Errorf("%d kinds of sentences: %v", len(kinds), kinds)
	}
	for s, want := range map[string]string{
		"the client 10.1.0.5:51000 speaks to 203.0.113.1:443; DNAT sends it to 10.2.0.2:8443": "客户端 10.1.0.5:51000 与 203.0.113.1:443 通信；DNAT 把它送到 10.2.0.2:8443",
		"TIME_WAIT, gone for 3 min 4 s": "TIME_WAIT，已结束 3 min 4 s",
		"UDP, gone for 12 s":            "UDP，已结束 12 s",
		"stale: it leaves as 10.0.0.1:5, and today rule 3 of nat POSTROUTING (iptables-legacy ip) would make it this host, port 80-90: -j REDIRECT":                               "stale：它以 10.0.0.1:5 离开，而现在 nat POSTROUTING (iptables-legacy ip) 的规则 3 会让它成为本机，端口 80-90：-j REDIRECT",
		"rule 3 of nat POSTROUTING (iptables-legacy), traced: -j SNAT":                                                                                                            "nat POSTROUTING (iptables-legacy) 的规则 3，跟踪得知：-j SNAT",
		"SNAT lets it leave as 10.2.0.1:40001 (port rewritten)":                                                                                                                   "SNAT 让它以 10.2.0.1:40001 离开（端口被改写）",
		"the reply comes as 10.2.0.2:8443 > 10.2.0.1:40001; conntrack knows it by this tuple and turns it back into 203.0.113.1:443 > 10.1.0.5:51000, which the client waits for": "应答以 10.2.0.2:8443 > 10.2.0.1:40001 到来；conntrack 按这个 tuple 认出它，把它变回客户端所等的 203.0.113.1:443 > 10.1.0.5:51000",
	} {
		if said := say(s); said != want {
			t.Errorf("%q is %q, want %q", s, said, want)
		}
	}
	if In("en").Connection() != nil {
		t.Error("English is put into another language")
	}
}
