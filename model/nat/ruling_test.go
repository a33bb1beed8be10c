package nat_test

import (
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
)

// TestRuling: a rule's connections are found by its place, as words of the filter that
// hold together for one rule; and those that are stale.
func TestRuling(t *testing.T) {
	f := gateway(t, head+`-A PREROUTING -d 203.0.113.1 -p udp --dport 53 -j DNAT --to-destination 10.2.0.2
-A POSTROUTING -o r1 -p tcp -j MASQUERADE
-A POSTROUTING -o r1 -p udp -j MASQUERADE
COMMIT
`)
	fresh := look(t, "10.1.0.2:5353", "203.0.113.1:53", "10.2.0.2:53", "10.2.0.1:5353")
	old := look(t, "10.1.0.2:5354", "203.0.113.1:53", "10.2.0.3:53", "10.2.0.1:5354")
	plain := look(t, "10.2.0.9:5353", "10.1.0.2:9", "10.1.0.2:9", "10.2.0.9:5353")
	for text, want := range map[string][3]bool{
		"table nat and chain PREROUTING and rule 1":                     {true, false, false},
		"ip and table nat and chain POSTROUTING and rule 2":             {true, true, false},
		"chain POSTROUTING and rule 1":                                  {false, false, false},
		"chain PREROUTING and rule 2":                                   {false, false, false},
		"udp and (chain PREROUTING and rule 1) and (chain POSTROUTING)": {true, false, false},
		"stale":             {false, true, false},
		"not stale and udp": {true, false, true},
		"stale and src host 10.1.0.2 or chain PREROUTING": {true, true, false},
		"not chain PREROUTING and dst port 53":            {false, true, false},
	} {
		flt, err := filter.Parse(text)
		if err == nil {
			err = flt.Check(filter.Flows)
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !flt.AsksRules() {
			t.Errorf("%q does not ask about rules", text)
		}
		by := nat.Ruling{Finder: f}
		if got := [3]bool{flt.LookBy(fresh, by), flt.LookBy(old, by), flt.LookBy(plain, by)}; got != want {
			t.Errorf("%q: %v, expected %v", text, got, want)
		}
		if flt.LookBy(fresh, nil) && text != "udp" {
			t.Errorf("%q holds where nothing is known of rules", text)
		}
	}
}

// TestOneAfterAnother: of flows that differ in one thing each is answered for itself, though what
// was found of the one before is remembered; what a set says is asked again.
func TestOneAfterAnother(t *testing.T) {
	t.Parallel()
	plain := worded(t, "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.2:1")
	gone := *plain
	gone.Gone = true
	for _, c := range []struct {
		name, rules string
		flows       []*flow.Look
		stale       []bool
		made        []int
	}{
		{"over or not", save(table("filter", "FORWARD", "-A FORWARD -j DROP\n"), ""), []*flow.Look{plain, &gone, plain}, []bool{true, false, true}, []int{0, 0, 0}},
		{"zones", save(table("raw", "PREROUTING", "-A PREROUTING -d 10.9.9.9 -j CT --zone 7\n"), dnat), []*flow.Look{worded(t, dns), worded(t, dns+" orig-zone=7"), worded(t, dns+" zone=7")}, []bool{false, false, false}, []int{1, 1, 1}},
		{"a zone that no rule sets, or none", save("", ""), []*flow.Look{worded(t, dns), worded(t, dns+" zone=7"), worded(t, dns+" orig-zone=7"), worded(t, dns)}, []bool{true, false, false, true}, []int{0, 0, 0, 0}},
		{"the port, or the address too, which is of one cell", save("", ""), []*flow.Look{worded(t, "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.2:2"), worded(t, "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.3:2")}, []bool{false, true}, []int{0, 0}},
		{"one address or two of one cell", save("", "-A POSTROUTING -j SNAT --to-source 10.1.0.0-10.1.0.255\n"),
			[]*flow.Look{plain, worded(t, "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:53 10.1.0.3:1")}, []bool{false, false}, []int{0, 1}},
		{"one port or another", save("", ""), []*flow.Look{plain, worded(t, "udp 10.1.0.2:1 10.2.0.2:53 10.2.0.2:54 10.1.0.2:1"), plain}, []bool{false, true, false}, []int{0, 0, 0}},
		{"one identifier or another", save("", "-A POSTROUTING -j MASQUERADE\n"), []*flow.Look{worded(t, "icmp 10.2.0.1:7 10.2.0.2:0 10.2.0.2:0 10.2.0.1:7"), worded(t, "icmp 10.2.0.1:7 10.2.0.2:0 10.2.0.2:0 10.2.0.1:8")}, []bool{false, false}, []int{0, 1}},
		{"of a connection that was put in by hand", save("", "-A POSTROUTING -j MASQUERADE\n"), []*flow.Look{worded(t, "icmp 10.2.0.1:7 10.2.0.2:0 10.2.0.2:0 10.2.0.1:7"), worded(t, "icmp 10.2.0.1:7 10.2.0.2:0 10.2.0.2:0 10.2.0.1:8 by-hand")}, []bool{false, false}, []int{0, 1}},
	} {
		f := finderOf(t, c.rules)
		for i, l := range c.flows {
			if got, made := f.IsStale(l), (nat.Ruling{Finder: f}).Made(l); got != c.stale[i] || len(made) != c.made[i] {
				t.Errorf("%s, flow %d: stale %v, made by %v; expected %v, %d", c.name, i, got, made, c.stale[i], c.made[i])
			}
		}
	}
	in := fact.Yes
	h := gatewayHost()
	h.InSet = func(*model.Table, string, []string) fact.Answer { return in }
	f := nat.NewFinder(finderOf(t, save("", "-A PREROUTING -m set --match-set s src -j DNAT --to-destination 10.2.0.2\n-A PREROUTING -j DNAT --to-destination 10.2.0.3\n")).Index(), h)
	fl := worded(t, "udp 10.1.0.2:1 203.0.113.1:53 10.2.0.2:53 10.1.0.2:1")
	for _, want := range []fact.Answer{fact.Yes, fact.No, fact.Yes} {
		in = want
		if stale, made := f.IsStale(fl), (nat.Ruling{Finder: f}).Made(fl); stale != (want == fact.No) || len(made) != map[fact.Answer]int{fact.Yes: 1, fact.No: 0}[want] {
			t.Errorf("in the set: %v; stale %v, made by %v", want, stale, made)
		}
	}
}

// TestHostItself: loopback is the host's own, and what goes there leaves by lo; what ends in the
// host meets INPUT.
func TestHostItself(t *testing.T) {
	t.Parallel()
	h := nat.Host{Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}}
	rules := save(table("filter", "FORWARD", "-A FORWARD -j DROP\n"), "-A OUTPUT -o lo -d 127.0.0.1 -p udp -j REDIRECT --to-ports 5300\n-A OUTPUT -p udp -j REDIRECT --to-ports 5300\n-A INPUT -p udp -j SNAT --to-source 10.1.0.9\n")
	f := nat.NewFinder(ruleset.NewIndex(finderOf(t, rules).Index().Ruleset()), h)
	own := worded(t, "udp 127.0.0.1:1 127.0.0.1:53 127.0.0.1:5300 127.0.0.1:1")
	if o := f.Look(own); len(o.Dst.Rules) != 1 || o.Dst.Rules[0].Rule.Index != 1 {
		t.Errorf("loopback: %+v", o.Dst)
	}
	here := worded(t, "udp 10.1.0.2:1 10.1.0.1:53 10.1.0.1:53 10.1.0.9:1")
	if o, s := f.Look(here), f.Stale(here); len(o.Src.Rules) != 1 || s.Kind != "" {
		t.Errorf("to the host: %+v, %s", o.Src, s.Words)
	}
}
