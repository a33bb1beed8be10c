package nft_test

import (
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/nft"
)

// TestEval: one packet, and what each rule says of it.
func TestEval(t *testing.T) {
	p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"),
		SPort: 40000, DPort: 8443, Transport: true, Flags: model.SYN, TTL: 64, Length: 60}
	f := &fact.Facts{Backend: model.BackendNFTables, In: fact.Of("eth0"), Mark: fact.Of(uint32(0x15)), Connection: fact.Of(&fact.Connection{State: fact.New})}
	for _, c := range []struct{ rule, answer, why string }{
		{"tcp dport 8080 accept", "no", "tcp dport: want 8080, have 8443, no"},
		{"tcp dport != 8443 accept", "no", "tcp dport: want not 8443, have 8443, no"},
		{"udp dport 53 accept", "no", "protocol: want udp, have tcp, no"},
		{"ip6 saddr ::1 accept", "no", "family: want ip6, have ip, no"},
		{"ct state established,related accept", "no", "ct state: want established,related, have new, no"},
		{"ct state vmap { established : accept, invalid : drop }", "no", "ct state: want one of { established, invalid }, have new, no"},
		{"ct status dnat accept", "unknown", "the connection's status"},
		{"oifname \"eth1\" accept", "unknown", "not known: the interface"},
		{"ip saddr @blocked drop", "unknown", "what @blocked holds"},
		{"ip saddr @blocked tcp dport 22 drop", "no", "tcp dport"},
		{"meta mark set 0x7 meta mark 0x15 accept", "no", "mark: want 0x15, have 0x7, no"},
		{"limit rate 5/second accept", "unknown", "it depends on the traffic so far"},
		{"meta hour \"08:00\"-\"18:00\" accept", "unknown", "not known: the time"},
		{"tcp option maxseg size 1-500 drop", "unknown", "the header's options"},
		{"ip saddr . tcp dport { 10.1.0.2 . 8443, 10.1.0.2 . 1-5 } accept", "yes", ""},
		{"tcp dport vmap { 22 : drop, * : accept }", "yes", ""},
		{"numgen random mod 2 0 accept", "unknown", "a number thrown"},
		{"numgen inc mod 2 2 accept", "no", ""},
		{"numgen inc mod 4 offset 10 10-13 accept", "yes", ""},
		{"jhash ip saddr mod 4 seed 0x1 > 3 accept", "no", ""},
		{"symhash mod 4 vmap { 0-2 : drop, 3 : accept }", "yes", "not known: the kernel's hash"},
		{"symhash mod 5 vmap { 0-2 : drop, 3 : accept }", "unknown", "not known: the kernel's hash"},
		{"dnat to numgen random mod 2 map { 0 : 10.2.0.3, 1 : 10.2.0.4 }", "yes", ""},
		{"dnat to numgen random mod 3 map { 0 : 10.2.0.3, 1 : 10.2.0.4 }", "unknown", "a number thrown"},
		{"frobnicate 7 accept", "unknown", ""},
		{"ip saddr != 10.1.0.9 ip daddr != 10.2.0.2 drop", "unknown", "some versions of nft"},
		{"ip saddr != 10.1.0.2 ip daddr != 10.2.0.2 drop", "no", ""},
	} {
		a, because := nft.Parse(c.rule, model.FamilyInet).Eval(p, f)
		var all strings.Builder
		for _, b := range because {
			all.WriteString(b.Match + ": want " + b.Want + ", have " + b.Have + ", " + b.Result + "\n")
		}
		if a.String() != c.answer || !strings.Contains(all.String(), c.why) {
			t.Errorf("%s: %v\n%s", c.rule, a, &all)
		}
	}
}

// TestEvalBare: of a packet that nobody saw it is known how long it is at least.
func TestEvalBare(t *testing.T) {
	p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, SPort: 40000, DPort: 53, Transport: true}
	for rule, want := range map[string]string{"meta length < 28": "no", "meta length < 29": "unknown", "meta length 27": "no", "meta length 28": "unknown", "meta length != 20": "yes",
		"meta length >= 28": "yes", "meta length > 28": "unknown", "meta length 0-27": "no", "meta length != 0-27": "yes", "meta length 20-30": "unknown", "meta length { 20, 27 }": "no", "meta length { 20, 28-40 }": "unknown",
		"meta length & 1 == 1": "unknown", "meta length vmap { 0-27 : drop }": "no"} {
		if a, why := nft.Parse(rule+" accept", model.FamilyIPv4).Eval(p, &fact.Facts{Bare: true}); a.String() != want {
			t.Errorf("%s: %v, want %s: %+v", rule, a, want, why)
		}
	}
	if a, why := nft.Parse("meta length 20 accept", model.FamilyIPv4).Eval(p, &fact.Facts{Bare: true}); a != fact.No || why[0].Have != "28 or more" {
		t.Errorf("%v: %+v", a, why)
	}
	if a, _ := nft.Parse("meta length 20 accept", model.FamilyBridge).Eval(p, &fact.Facts{Bare: true}); a != fact.Unsure {
		t.Errorf("at a bridge: %v", a)
	}
}

// TestRun: the verdict of a map, and what a rule leaves behind.
func TestRun(t *testing.T) {
	p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"), DPort: 22, Transport: true}
	r := nft.Parse("meta mark set 0x5 ct mark set meta mark tcp dport vmap { 22 : jump ssh, 80 : drop }", model.FamilyInet).
		Run(p, &fact.Facts{Connection: fact.Of(&fact.Connection{State: fact.New})})
	if r.Answer != fact.Yes || r.Verdict == nil || r.Verdict.Chain != "ssh" || r.Facts.Mark != fact.Of(uint32(5)) || r.Facts.Connection.Value.Mark != fact.Of(uint32(5)) {
		t.Errorf("%+v", r)
	}
	r = nft.Parse("tcp dport vmap @ports", model.FamilyInet).Run(p, &fact.Facts{InSet: func(set string, key []string) fact.Answer {
		return fact.Is(set == "ports" && len(key) == 1 && key[0] == "22")
	}})
	if r.Answer != fact.Yes || r.Verdict != nil || !r.Undecided {
		t.Errorf("a map that is not known: %+v", r)
	}
}

// FuzzEval: whatever the rule and whatever is known, there is an answer and no panic.
func FuzzEval(f *testing.F) {
	for _, s := range []string{"tcp dport 8080 accept", "ip saddr & 255.0.0.0 << 3 == 1.0.0.0", "@nh,0,128 0x1 @th,900,64 set 5", "ip6 daddr set ::1 ip saddr . meta mark { 1.2.3.4 . 0x0/30 }",
		"meta mark set ct mark map { 1 : 2 } ct state vmap { new : drop }", "exthdr frag exists ip option lsrr ptr 1", "meta mark >> 200 == 1-0"} {
		f.Add(s, uint8(6), true)
	}
	f.Fuzz(func(t *testing.T, s string, proto uint8, v6 bool) {
		p := &model.Packet{Family: model.FamilyIPv4, Proto: model.Proto(proto), Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2")}
		if v6 {
			p = &model.Packet{Family: model.FamilyIPv6, Proto: model.Proto(proto), Transport: true}
		}
		for _, fam := range []model.Family{model.FamilyInet, model.FamilyIPv4, model.FamilyBridge} {
			r := nft.Parse(s, fam)
			r.Eval(p, &fact.Facts{})
			r.Eval(p, &fact.Facts{In: fact.Of(""), Out: fact.Of("eth0"), Mark: fact.Of(uint32(1)), Connection: fact.Of(&fact.Connection{State: fact.New, Status: fact.Of([]string{"DNAT"})}),
				InSet: func(string, []string) fact.Answer { return fact.Yes }, Local: func(netip.Addr) fact.Answer { return fact.No }})
		}
	})
}
