package walk

import (
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/match"
)

// TestCannot: what is passed over at one look is what the whole evaluation says no to, and
// it is seen in the rules that NAT is made of.
func TestCannot(t *testing.T) {
	p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"), SPort: 4, DPort: 53, Transport: true}
	for text, want := range map[string]bool{
		"-A P -j DNAT --to-destination 10.2.0.3":                                 false,
		"-A P -d 10.2.0.2/32 -p udp -m udp --dport 53 -j ACCEPT":                 false,
		"-A P -d 10.2.0.3/32 -p udp -m udp --dport 53 -j ACCEPT":                 true,
		"-A P ! -d 10.2.0.3/32 -j ACCEPT":                                        false,
		"-A P -s 10.2.0.0/16 -j ACCEPT":                                          true,
		"-A P -p tcp -j ACCEPT":                                                  true,
		"-A P ! -p udp -j ACCEPT":                                                false,
		"-A P -p udp -m udp --dport 54:60 -j ACCEPT":                             true,
		"-A P -p udp -m udp ! --dport 54:60 -j ACCEPT":                           false,
		"-A P -p udp -m udp --sport 9 -j ACCEPT":                                 false,
		"-A P -p udp -m multiport --dports 53 -m conntrack --ctorigdst 10.9.9.9": false,
	} {
		r := match.Parse(text, model.FamilyIPv4)
		if got := cannot(r, &p); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if a, _ := r.Eval(&p, &fact.Facts{Bare: true}); cannot(r, &p) && a != fact.No {
			t.Errorf("%s: passed over, and the answer is %s", text, a)
		}
	}
	// What is not known of the packet may be anything.
	for text, change := range map[string]func(*model.Packet){
		"-A P -s 10.9.0.0/16":                        func(p *model.Packet) { p.Src = netip.Addr{} },
		"-A P -d 10.9.0.0/16":                        func(p *model.Packet) { p.Dst = netip.Addr{} },
		"-A P -p tcp":                                func(p *model.Packet) { p.Proto, p.Extended, p.Transport = 60, true, false },
		"-A P -p udp -m udp --dport 54":              func(p *model.Packet) { p.Transport = false },
		"-A P -m conntrack --ctproto tcp":            func(*model.Packet) {},
		"-A P -p udp -m udp --dport 54 --frobnicate": func(*model.Packet) {},
		"-A P -d 10.2.0.2/32 -d 10.9.0.0/16":         func(*model.Packet) {},
		"-A P -m frobnicate --dport 54 -s 10.9.0.1":  func(*model.Packet) {},
		"-A P -p icmp -m udp --dport 54":             func(p *model.Packet) { p.Proto = model.ProtoICMP },
	} {
		q := p
		change(&q)
		r := match.Parse(text, model.FamilyIPv4)
		if a, _ := r.Eval(&q, &fact.Facts{Bare: true}); cannot(r, &q) && a != fact.No {
			t.Errorf("%s: passed over, and the answer is %s", text, a)
		}
	}
}
