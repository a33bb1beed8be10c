package journey

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// parsed makes rules of texts as the programs print them.
func parsed(t *testing.T, texts ...string) Rules {
	t.Helper()
	all := &model.Ruleset{}
	for _, text := range texts {
		rs, _, problems := ruleset.ParseFile("test", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, tb := range rs.Tables {
			if tb.Backend == model.BackendIptablesNFT || tb.Backend == model.BackendUnknown {
				tb.Backend = model.BackendLegacy
			}
			all.Tables = append(all.Tables, tb)
		}
	}
	all.Number()
	return ruleset.NewIndex(all)
}

const forwardAccepts = `*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -j ACCEPT
COMMIT
`

const nftAround = `table inet fw { # handle 1
	chain pre { # handle 1
		type filter hook prerouting priority -10; policy drop;
	}
	chain early { # handle 2
		type filter hook forward priority -1; policy drop;
	}
	chain deep { # handle 3
		udp dport 99 jump deeper # handle 10
	}
	chain deeper { # handle 4
		drop # handle 11
	}
	chain forward { # handle 5
		type filter hook forward priority 0; policy accept;
		jump deep # handle 12
	}
	chain harmless { # handle 6
		type filter hook forward priority 5; policy accept;
		counter packets 0 bytes 0 # handle 13
	}
	chain post { # handle 7
		type filter hook postrouting priority 300; policy accept;
		udp dport vmap { 1 : drop } # handle 14
	}
	chain in { # handle 8
		type filter hook input priority 5; policy drop;
	}
}
table inet asleep { # handle 2
	flags dormant;
	chain forward { # handle 1
		type filter hook forward priority 10; policy drop;
	}
}
`

// TestAhead: after an accept the chains are named that the packet has still to come
// through and that can drop it, and no others.
func TestAhead(t *testing.T) {
	p := udp("10.0.0.9", 1)
	events := []Event{arming(p), line("filter", "FORWARD", EventRule, 1, model.HookForward, p), probe(model.HookForward, p), probe(model.HookPostrouting, p)}
	_, js := folded(parsed(t, forwardAccepts, nftAround), Options{Probes: true}, events...)
	if len(js) != 1 {
		t.Fatalf("%d journeys", len(js))
	}
	i := slices.IndexFunc(js[0].Steps, func(s Step) bool { return s.Chain == "FORWARD" })
	got := strings.Join(js[0].Steps[i].Ahead, ", ")
	if want := "inet fw/forward (nftables), inet fw/post (nftables)"; got != want {
		t.Errorf("ahead of the accept: %q, want %q", got, want)
	}
}

// TestAheadKnowsOrder: of chains at one place those that the packet came through before
// are not ahead.
func TestAheadKnowsOrder(t *testing.T) {
	p := udp("10.0.0.9", 1)
	at := func(e Event) Event { e.Out = "r1"; return e }
	events := []Event{arming(p),
		at(message("forward", EventRule, 12, model.VerdictJump, p)), at(message("forward", EventPolicy, 0, model.VerdictAccept, nil)),
		at(message("harmless", EventPolicy, 0, model.VerdictAccept, p)), probe(model.HookForward, p), probe(model.HookPostrouting, p)}
	_, js := folded(parsed(t, nftAround), Options{Probes: true}, events...)
	for _, s := range js[0].Steps {
		if slices.ContainsFunc(s.Ahead, func(w string) bool { return strings.Contains(w, s.Chain) || strings.Contains(w, "early") }) {
			t.Errorf("%s names as still to come: %v", s.Chain, s.Ahead)
		}
		if s.Kind == KindPolicy && s.Chain == "forward" && len(s.Ahead) != 1 {
			t.Errorf("ahead of the policy of forward: %v, want post", s.Ahead)
		}
	}
}

// TestAheadBeside: of two chains at one place the one that was met first is not ahead of the
// other.
func TestAheadBeside(t *testing.T) {
	p := udp("10.0.0.9", 1)
	rules := rulesOf(nftTable("fw", chainOf("a", model.HookInput, 0, "drop", target("accept")), chainOf("b", model.HookInput, 0, "drop", target("accept"))))
	_, list := folded(rules, Options{Probes: true}, arming(p), message("b", EventRule, 10, model.VerdictAccept, p), message("a", EventRule, 10, model.VerdictAccept, p), probe(model.HookInput, p))
	var got []string
	for _, s := range list[0].Steps {
		got = append(got, s.Chain+": "+strings.Join(s.Ahead, ", "))
	}
	if want := []string{"b: inet fw/a (nftables)", "a: "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestDid: what changed stands at the rule that did it, or with the part of the kernel.
func TestDid(t *testing.T) {
	const save = `*mangle
:PREROUTING ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A PREROUTING -j MARK --set-xmark 0x7/0xffffffff
-A PREROUTING -j DSCP --set-dscp 0x08
-A PREROUTING -p udp
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p udp -j DNAT --to-destination 10.9.9.9:99
-A POSTROUTING -j MASQUERADE
COMMIT
`
	a := udp("10.0.0.9", 1)
	marked, tos := *a, *a
	marked.Mark = 7
	tos = marked
	tos.TOS = 0x20
	mapped := tos
	mapped.Dst, mapped.DPort, mapped.TTL = udp("10.9.9.9", 1).Dst, 99, 63
	sent := mapped
	sent.Src, sent.SPort = udp("192.0.2.1", 1).Dst, 1024
	ev := func(table, chain string, kind EventKind, n int, h model.Hook, p *model.Packet) Event {
		e := line(table, chain, kind, n, h, p)
		e.Mark = p.Mark
		return e
	}
	first := arming(a)
	pr := func(h model.Hook, p *model.Packet) Event { e := probe(h, p); e.Mark = p.Mark; return e }
	_, js := folded(parsed(t, save), Options{Probes: true}, first,
		ev("mangle", "PREROUTING", EventRule, 1, model.HookPrerouting, a),
		ev("mangle", "PREROUTING", EventRule, 2, model.HookPrerouting, &marked),
		ev("mangle", "PREROUTING", EventRule, 3, model.HookPrerouting, &tos),
		ev("mangle", "PREROUTING", EventPolicy, 4, model.HookPrerouting, &tos),
		ev("nat", "PREROUTING", EventRule, 1, model.HookPrerouting, &tos),
		ev("mangle", "FORWARD", EventPolicy, 1, model.HookForward, &mapped), pr(model.HookForward, &mapped),
		ev("nat", "POSTROUTING", EventRule, 1, model.HookPostrouting, &mapped), pr(model.HookPostrouting, &sent))
	if len(js) != 1 {
		t.Fatalf("%d journeys", len(js))
	}
	want := map[string]string{
		"mangle/PREROUTING 1": "mark 0x7", "mangle/PREROUTING 2": "tos 0x20", "mangle/PREROUTING 3": "",
		"nat/PREROUTING 1": "dst 10.9.9.9 dport 99", "nat/POSTROUTING 1": "src 192.0.2.1 sport 1024",
	}
	seen := 0
	for _, s := range js[0].Steps {
		var did []string
		for _, c := range s.Did {
			did = append(did, c.Field+" "+c.Value)
		}
		if w, ok := want[s.Table+"/"+s.Chain+" "+string('0'+rune(s.Rule))]; ok {
			seen++
			if got := strings.Join(did, " "); got != w {
				t.Errorf("rule %d of %s/%s did %q, want %q", s.Rule, s.Table, s.Chain, got, w)
			}
		} else if len(did) > 0 {
			t.Errorf("%s %s/%s did %v", s.Kind, s.Table, s.Chain, did)
		}
		if s.Table == "mangle" && s.Chain == "FORWARD" {
			if len(s.By) != 1 || s.By[0] != (Author{"ttl", ByForwarding}) {
				t.Errorf("before FORWARD: %v, want the hop limit by forwarding", s.By)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d rules in the ladder", seen, len(want))
	}
}

// TestDidWithoutRule: what no rule of this packet did is conntrack's.
func TestDidWithoutRule(t *testing.T) {
	const save = "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*mangle\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"
	a := udp("10.0.0.9", 1)
	b := *a
	b.Dst = udp("10.9.9.9", 1).Dst
	_, js := folded(parsed(t, save), Options{Probes: true}, arming(a),
		line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, a),
		line("mangle", "FORWARD", EventPolicy, 1, model.HookForward, &b))
	s := js[0].Steps[len(js[0].Steps)-1]
	if len(s.By) != 1 || s.By[0] != (Author{"dst", ByConntrack}) {
		t.Errorf("the destination was changed by %v, want conntrack", s.By)
	}
}

// TestOwnRuleDid: nf_tables tells of a rule when it is done, so the first rule of a chain
// shows what it did itself.
func TestOwnRuleDid(t *testing.T) {
	const text = `table inet fw { # handle 1
	chain pre { # handle 1
		type filter hook prerouting priority -10; policy accept;
		meta mark set 0x00000005 # handle 2
	}
}
`
	a := udp("10.0.0.9", 1)
	b := *a
	b.Mark = 5
	e := message("pre", EventRule, 2, model.VerdictContinue, &b)
	e.Mark = 5
	_, js := folded(parsed(t, text), Options{Probes: true}, arming(a), e)
	s := js[0].Steps[0]
	if len(s.Did) != 1 || s.Did[0] != (Change{"mark", "0x5"}) {
		t.Errorf("the rule did %v, want mark 0x5", s.Did)
	}
}

// TestDidOnce: a change that our probe showed first stands once at the rule that made it.
func TestDidOnce(t *testing.T) {
	const save = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j DNAT --to-destination 10.9.9.9\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
	a := udp("10.0.0.9", 1)
	b := *a
	b.Dst = udp("10.9.9.9", 1).Dst
	_, js := folded(parsed(t, save), Options{Probes: true}, arming(a),
		line("nat", "PREROUTING", EventRule, 1, model.HookPrerouting, a), probe(model.HookForward, &b),
		line("mangle", "POSTROUTING", EventPolicy, 1, model.HookPostrouting, &b), probe(model.HookPostrouting, &b))
	if s := js[0].Steps; len(s) != 2 || len(s[0].Did) != 1 || len(s[1].Packet) != 1 || len(s[1].Did) != 0 {
		t.Errorf("steps %+v", s)
	}
}

// TestTranslationDid: what a rule of nf_tables translated stands at that rule, though it is
// done when the chain is left.
func TestTranslationDid(t *testing.T) {
	const text = `table inet fw { # handle 1
	chain pre { # handle 1
		type nat hook prerouting priority -100; policy accept;
		udp dport 53 dnat ip to 10.9.9.9 # handle 2
	}
	chain forward { # handle 3
		type filter hook forward priority 0; policy accept;
	}
}
`
	a := udp("10.0.0.9", 1)
	b := *a
	b.Dst = udp("10.9.9.9", 1).Dst
	_, js := folded(parsed(t, text), Options{Probes: true}, arming(a), message("pre", EventRule, 2, model.VerdictAccept, a), message("forward", EventPolicy, 0, model.VerdictAccept, &b))
	s := js[0].Steps
	if want := (Change{"dst", "10.9.9.9"}); len(s) != 2 || !slices.Equal(s[0].Did, Delta{want}) || !slices.Equal(s[1].Packet, Delta{want}) || len(s[1].By) != 0 {
		t.Errorf("steps %+v", s)
	}
}
