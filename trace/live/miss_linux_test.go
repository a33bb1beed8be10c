package live

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/nettest"
	"nfscope/trace/rules"
)

// looked gives a journey with its misses, by the rules and the flows of a snapshot.
func looked(snap *snapshot.Snapshot, j *journey.Journey, local ...string) *journey.Journey {
	return miss.New(miss.Known{
		Flow:  snap.Flows.Table.ByID,
		Local: func(a netip.Addr) fact.Answer { return fact.Is(slices.Contains(local, a.String())) },
	}).Look(j, 0)
}

// missed prints the misses of a journey: "filter/FORWARD 1: dport 9 is not 80".
func missed(j *journey.Journey) []string {
	var l []string
	for i := range j.Steps {
		s := &j.Steps[i]
		if s.Kind != journey.KindMiss {
			continue
		}
		out := fmt.Sprintf("%s/%s %d:", s.Table, s.Chain, s.Rule)
		for _, b := range s.Because {
			out += fmt.Sprintf(" %s %s, want %s;", b.Match, b.Have, b.Want)
		}
		if s.Note != "" {
			out += " (" + s.Note + ")"
		}
		l = append(l, strings.TrimSuffix(out, ";"))
	}
	return l
}

// TestMisses: rules that were looked at before the hit, and the fact that failed.
func TestMisses(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	const save = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	const mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	const nat = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	iptables := save + ":U - [0:0]\n-A FORWARD -p tcp -m tcp --dport 9 -j ACCEPT\n-A FORWARD -j U\n-A FORWARD -i r0 -p udp -j DROP\n" +
		"-A U -s 10.9.0.0/16 -j ACCEPT\n-A U ! -o r1 -j ACCEPT\nCOMMIT\n"
	want := []string{"filter/FORWARD 1: protocol udp, want tcp", "filter/U 1: source 10.1.0.2, want 10.9.0.0/16",
		"filter/U 2: out interface r1, want not r1"}
	marks := mangle + "-A PREROUTING -m mark --mark 0x1 -j RETURN\n-A PREROUTING -p udp -j MARK --set-xmark 0x7/0xffffffff\n" +
		"-A PREROUTING -m mark --mark 0x8 -j RETURN\n-A FORWARD -m mark ! --mark 0x7 -j RETURN\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n"
	marksWant := []string{"mangle/PREROUTING 1: mark mark 0x0, want 0x1", "mangle/PREROUTING 3: mark mark 0x7, want 0x8", "mangle/FORWARD 1: mark mark 0x7, want not 0x7"}
	dnat := nat + "-A PREROUTING -p udp -m udp --dport 98 -j DNAT --to-destination 10.2.0.2:8\n-A PREROUTING -p udp -m udp --dport 99 -j DNAT --to-destination 10.2.0.2:9\nCOMMIT\n" +
		save + "-A FORWARD -d 10.1.0.1/32 -j DROP\n-A FORWARD -p udp -m udp --dport 99 -j DROP\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n"
	dnatWant := []string{"nat/PREROUTING 1: udp dport 99, want 98", "filter/FORWARD 1: destination 10.2.0.2, want 10.1.0.1/32", "filter/FORWARD 2: udp dport 9, want 99",
		"filter/FORWARD 3: conntrack ctstate NEW, want RELATED,ESTABLISHED"}
	unknown := save + "-A FORWARD -m limit --limit 1/hour --limit-burst 1 -m mark --mark 0x3\n-A FORWARD -p udp -m recent --rcheck --name x -j DROP\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n"
	for _, c := range []struct {
		name, legacy, nft, native, to string
		want                          []string
	}{
		{name: "legacy: user chains", legacy: iptables, want: want},
		{name: "iptables-nft: user chains", nft: iptables, want: want},
		{name: "native: user chains", native: `table inet fw {
			chain u { ip saddr 10.9.0.0/16 accept; oifname != "r1" accept; }
			chain forw { type filter hook forward priority 0; tcp dport 9 accept; jump u; iifname "r0" udp dport 9 drop; } }`,
			want: []string{"fw/forw 1: protocol udp, want tcp", "fw/u 1: ip saddr 10.1.0.2, want 10.9.0.0/16", `fw/u 2: oifname r1, want not "r1"`}},
		{name: "legacy: marks", legacy: marks, want: marksWant},
		{name: "iptables-nft: marks", nft: marks, want: marksWant},
		{name: "native: marks", native: `table ip fw { chain forw { type filter hook forward priority 0;
			meta mark 0x1 return; meta mark set 0x7; meta mark 0x8 return; meta mark set meta mark | 0x10; meta mark 0x7 return; udp dport 9 accept; } }`,
			want: []string{"fw/forw 1: mark 0x0, want 0x00000001", "fw/forw 3: mark 0x7, want 0x00000008", "fw/forw 5: mark 0x17, want 0x00000007"}},
		{name: "legacy: NAT", legacy: dnat, to: "10.1.0.1:99", want: dnatWant},
		{name: "iptables-nft: NAT", nft: dnat, to: "10.1.0.1:99", want: dnatWant},
		{name: "native: NAT and conntrack", to: "10.1.0.1:99", native: `table inet fw {
			chain early { type filter hook prerouting priority -250; ct state new accept; }
			chain pre { type nat hook prerouting priority -100; udp dport 98 dnat ip to 10.2.0.2:8; udp dport 99 dnat ip to 10.2.0.2:9; }
			chain forw { type filter hook forward priority 0; ip daddr 10.1.0.1 drop; ct state established,related accept; ct status snat accept; ct direction reply accept; meta l4proto udp ct original proto-dst 98 accept; ct state new accept; } }`,
			want: []string{"fw/early 1: ct state invalid, want new", "fw/pre 1: udp dport 99, want 98", "fw/forw 1: ip daddr 10.2.0.2, want 10.1.0.1", "fw/forw 2: ct state new, want established,related",
				"fw/forw 3: ct status dnat, want snat", "fw/forw 4: ct direction original, want reply", "fw/forw 5: ct original proto-dst 99, want 98"}},
		{name: "unknown facts are named", legacy: unknown,
			want: []string{"filter/FORWARD 1: mark mark 0x0, want 0x3", "filter/FORWARD 2: recent does not hold: nothing else of the rule failed, want --rcheck --name x --mask 255.255.255.255 --rsource"}},
		{name: "native: unknown facts are named", native: `table ip fw { set near { type ipv4_addr; elements = { 10.7.0.1 } }
			chain forw { type filter hook forward priority 0; ip saddr @near drop; meta hour "00:00"-"00:01" udp dport 9 drop; meta cpu 99 udp dport 9 drop; udp dport 9 accept; } }`,
			want: []string{"fw/forw 1: ip saddr does not hold: nothing else of the rule failed, want @near", `fw/forw 2: hour does not hold: nothing else of the rule failed, want "00:00"-"00:01"`, "fw/forw 3: cpu does not hold: nothing else of the rule failed, want 99"}},
		{name: "native: maps", native: `table ip fw { chain a { udp dport 7 drop; }
			chain forw { type filter hook forward priority 0; ip saddr vmap { 10.1.0.9 : drop }; udp dport vmap { 9 : jump a, 10 : drop }; ip saddr . udp dport { 10.1.0.2 . 7 } drop; udp dport 9 accept; } }`,
			want: []string{"fw/forw 1: ip saddr 10.1.0.2, want one of { 10.1.0.9 }", "fw/a 1: udp dport 9, want 7", "fw/forw 3: ip saddr . udp dport 10.1.0.2 . 9, want { 10.1.0.2 . 7 }"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			for program, rules := range map[string]string{"iptables-legacy-restore": c.legacy, "iptables-nft-restore": c.nft, "nft": c.native} {
				if rules == "" {
					continue
				}
				var args []string
				if program == "nft" {
					args, rules = []string{"-f", "-"}, strings.NewReplacer("; } }", ";\n}\n}", "; }", ";\n}", "; ", ";\n", "{ type", "{\ntype", " chain", "\nchain", "set near", "\nset near", "elements", "\nelements", "} }", "}\n}").Replace(rules)
				}
				nettest.Feed(t, n.Router, rules, program, args...)
			}
			to := c.to
			if to == "" {
				to = "10.2.0.2:9"
			}
			silent(t, n)
			s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
			udp(t, n.Client, to)
			var j *journey.Journey
			snap := s.wait("the packet", func(snap *snapshot.Snapshot) bool {
				for _, x := range snap.Journeys {
					if x.Closed {
						j = x
					}
				}
				return j != nil
			})
			if got := missed(looked(snap, j)); !slices.Equal(got, c.want) {
				t.Errorf("the misses are\n  %s\nexpected\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "), describe(j))
			}
		})
	}
}

// TestMissRaw: where the trace is armed in the legacy raw table, its own rules are not told
// as ones that did not match: no event tells that they did.
func TestMissRaw(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -s 10.9.0.0/16 -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	silent(t, n)
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9"), Method: arm.MethodRaw})
	udp(t, n.Client, "10.2.0.2:9")
	var j *journey.Journey
	snap := s.wait("the packet", func(snap *snapshot.Snapshot) bool {
		i := slices.IndexFunc(snap.Journeys, func(j *journey.Journey) bool { return j.Closed })
		if i >= 0 {
			j = snap.Journeys[i]
		}
		return i >= 0
	})
	if got, want := missed(looked(snap, j)), []string{"raw/PREROUTING 2: source 10.1.0.2, want 10.9.0.0/16"}; !slices.Equal(got, want) {
		t.Errorf("the misses are %q, expected %q\n%s", got, want, describe(j))
	}
}

// silent has somebody listen who never answers.
func silent(t *testing.T, n *nettest.Routed) {
	t.Helper()
	nettest.Do(t, n.Server, func() error {
		c, err := net.ListenPacket("udp4", "10.2.0.2:9")
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return err
	})
}

// TestNoMissContradicts: with random rules of which everything can be known, no rule
// that was passed should have matched by its text, each miss has a reason, and hits and
// misses together are all that was looked at.
func TestNoMissContradicts(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	for _, seed := range nettest.Seeds(t, 0, 1, 2, 3, 4, 5, 6, 7, 8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); noContradiction(t, seed) })
	}
}

func noContradiction(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 11))
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, randomSave(r, "filter")+randomSave(r, "mangle"), "iptables-legacy-restore")
	nettest.Feed(t, n.Router, randomSave(r, "filter"), "iptables-nft-restore")
	nettest.Feed(t, n.Router, randomNative(r), "nft", "-f", "-")
	silent(t, n)
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
	reader, err := rules.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	udp(t, n.Client, "10.2.0.2:9")
	var j *journey.Journey
	snap := s.wait("the packet", func(snap *snapshot.Snapshot) bool {
		for _, x := range snap.Journeys {
			if x.Closed {
				j = x
			}
		}
		return j != nil
	})
	full := looked(snap, j)
	misses, next := 0, map[string]int{}
	for i := range full.Steps {
		st := &full.Steps[i]
		if st.Kind == journey.KindMiss {
			misses++
			if len(st.Because) == 0 || st.Note != "" || st.Because[0].Result != "no" {
				t.Errorf("%s %s: %v %s", st.Chain, st.Text, st.Because, st.Note)
			}
		}
		// Within one visit of a chain the numbers have no holes.
		at := fmt.Sprint(st.Backend, st.Table, st.Hook, st.Base, st.Chain, st.Depth)
		switch st.Kind {
		case journey.KindRule, journey.KindMiss:
			if prev := next[at]; st.Rule != prev+1 && st.Rule != 1 {
				t.Errorf("seed %d: after rule %d of %s comes rule %d", seed, prev, at, st.Rule)
			}
			next[at] = st.Rule
		default:
			_, c := ruleset.NewIndex(snap.Rules).Chain(st.Backend, st.Family, st.Table, st.Chain)
			if c != nil && len(c.Rules) > 0 && next[at] != len(c.Rules) && !left(full.Steps[:i], c.Name) {
				t.Errorf("seed %d: %s ends after rule %d of %d", seed, at, next[at], len(c.Rules))
			}
			next[at] = 0
		}
	}
	if t.Failed() {
		t.Log(describe(full))
	}
	t.Logf("%d misses", misses)
}

// left reports whether the chain was left by a goto or a return.
func left(steps []journey.Step, chain string) bool {
	for i := len(steps) - 1; i >= 0; i-- {
		if s := &steps[i]; s.Chain == chain && s.Kind == journey.KindRule {
			return s.Verdict.String() == "goto" || s.Verdict.String() == "return"
		}
	}
	return false
}
