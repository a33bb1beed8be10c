package miss_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/ruleset"
)

// The chains of a table of iptables.
const (
	filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n"
	mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	nat    = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	raw    = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
)

// walked is a packet from 10.1.0.2 port 4 to 10.2.0.2 port 9 and its way through rules: each
// step is "INPUT 3", "INPUT A 1" for a chain below INPUT, or "INPUT policy".
func walked(t *testing.T, rules string, steps ...string) *journey.Journey {
	t.Helper()
	var tables []*model.Table
	if strings.HasPrefix(rules, "*") {
		tables = parse(t, rules+"COMMIT\n")
	} else {
		var found []ruleset.Problem
		if tables, found = ruleset.ParseNFT("test", []byte(rules)); len(found) > 0 {
			t.Fatal(found)
		}
	}
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	j := &journey.Journey{Closed: true, Complete: true, In: "eth0", Path: journey.PathForward, Rules: ruleset.NewIndex(rs),
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true,
			Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"), SPort: 4, DPort: 9}}
	table := tables[0]
	for _, s := range steps {
		w := strings.Fields(s)
		base, chain := table.Chain(w[0]), table.Chain(w[len(w)-2])
		if base == nil || chain == nil {
			t.Fatalf("no chain of the step %q", s)
		}
		st := journey.Step{Backend: table.Backend, Hook: base.Hook, Family: table.Family, Table: table.Name, Base: base.Name, Chain: chain.Name,
			Depth: len(w) - 2, Kind: journey.KindPolicy, Verdict: model.VerdictAccept}
		if what := w[len(w)-1]; what != "policy" {
			st.Kind, st.Verdict = journey.KindRule, model.VerdictContinue
			if _, err := fmt.Sscan(what, &st.Rule); err != nil {
				t.Fatal(err)
			}
			r := &chain.Rules[st.Rule-1]
			st.Text, st.Target = r.Text, r.Target
			switch {
			case strings.Contains(r.Text, "-g "):
				st.Verdict = model.VerdictGoto
			case r.Target == "RETURN":
				st.Verdict = model.VerdictReturn
			case table.Chain(r.Target) != nil:
				st.Verdict = model.VerdictJump
			}
		}
		j.Steps = append(j.Steps, st)
	}
	return j
}

// told prints the misses of a journey.
func told(j *journey.Journey) []string {
	var l []string
	for i := range j.Steps {
		s := &j.Steps[i]
		if s.Kind != journey.KindMiss {
			continue
		}
		var why []string
		for _, b := range s.Because {
			why = append(why, b.Match+" "+b.Have)
		}
		l = append(l, fmt.Sprintf("%s %d: %s%s", s.Chain, s.Rule, strings.Join(why, ", "), s.Note))
	}
	return l
}

// TestTold: which rules were looked at, and what is known of the packet where they were.
func TestTold(t *testing.T) {
	const drop = "-j DROP\n"
	const owner = "-A POSTROUTING -m owner --uid-owner 5 " + drop + "-A POSTROUTING -j ACCEPT\n"
	const link = "-A INPUT -m mac --mac-source 02:00:00:00:00:09 " + drop + "-A INPUT -m pkttype --pkt-type unicast " + drop + "-A INPUT -j ACCEPT\n"
	for _, c := range []struct {
		name, rules string
		steps       []string
		edit        func(*journey.Journey)
		want        []string
	}{
		{name: "a chain that ended without an event", rules: filter + "-A INPUT -j A\n-A INPUT -p tcp " + drop + "-A INPUT -j ACCEPT\n-A A -s 10.8.0.0/16 " + drop + "-A A -s 10.9.0.0/16 " + drop,
			steps: []string{"INPUT 1", "INPUT 3"}, want: []string{"A 1: source 10.1.0.2", "A 2: source 10.1.0.2", "INPUT 2: protocol udp"}},
		{name: "left for good", rules: filter + "-A INPUT -g A\n-A INPUT -p tcp " + drop + "-A A -s 10.9.0.0/16 " + drop,
			steps: []string{"INPUT 1", "INPUT policy"}, want: []string{"A 1: source 10.1.0.2"}},
		{name: "returned to the policy", rules: filter + "-A INPUT -p tcp " + drop + "-A INPUT -j RETURN\n-A INPUT -p icmp " + drop,
			steps: []string{"INPUT 2", "INPUT policy"}, want: []string{"INPUT 1: protocol udp"}},
		{name: "before the trace began", rules: "table ip filter {\n chain INPUT {\n  type filter hook input priority 0; policy accept;\n  ip saddr 10.8.0.1 drop\n  meta nftrace set 1\n  ip saddr 10.9.0.1 drop\n  accept\n }\n}\n",
			steps: []string{"INPUT 2", "INPUT 4"}, want: []string{"INPUT 3: ip saddr 10.1.0.2"}},
		{name: "before the trace began, legacy", rules: raw + "-A PREROUTING -s 10.8.0.0/16 " + drop + "-A PREROUTING -p udp -j TRACE\n-A PREROUTING -s 10.9.0.0/16 " + drop + "-A PREROUTING -j ACCEPT\n",
			steps: []string{"PREROUTING 4"}, want: []string{"PREROUTING 3: source 10.1.0.2"}},
		{name: "before the trace began in a called chain", rules: raw + ":T - [0:0]\n-A PREROUTING -p udp -j T\n-A PREROUTING -s 10.9.0.0/16 " + drop + "-A T -j TRACE\n",
			steps: []string{"PREROUTING policy"}, want: []string{"PREROUTING 2: source 10.1.0.2"}},
		{name: "traced before it met a rule that traces", rules: raw + "-A PREROUTING -s 10.9.0.0/16 " + drop + "-A PREROUTING -p udp -j TRACE\n",
			steps: []string{"PREROUTING 2", "PREROUTING policy"}, want: []string{"PREROUTING 1: source 10.1.0.2"}},
		{name: "two conditions of one kind", rules: filter + "-A INPUT -m recent --rcheck --name a -m recent --rcheck --name b " + drop + "-A INPUT -j ACCEPT\n",
			steps: []string{"INPUT 2"}, want: []string{"INPUT 1: recent not known: what the list holds"}},
		{name: "a match that nobody knows", rules: filter + "-A INPUT -m strange --thing 1 " + drop + "-A INPUT -j ACCEPT\n",
			steps: []string{"INPUT 2"}, want: []string{"INPUT 1: strange a match that nfscope does not know"}},
		{name: "a mark that an event showed", rules: mangle + "-A FORWARD -j SET --map-set seen src --map-mark\n-A FORWARD -m mark --mark 0x8 " + drop + "-A FORWARD -j ACCEPT\n",
			steps: []string{"FORWARD 1", "FORWARD 3"}, want: []string{"FORWARD 2: mark mark 0x7"},
			edit: func(j *journey.Journey) { j.Steps[1].Packet = journey.Delta{{Field: "mark", Value: "0x7"}} }},
		{name: "a mark that a rule is known to have written", rules: mangle + "-A FORWARD -j SET --map-set seen src --map-mark\n-A FORWARD -m mark --mark 0x8 " + drop + "-A FORWARD -j ACCEPT\n",
			steps: []string{"FORWARD 1", "FORWARD 3"}, want: []string{"FORWARD 2: mark mark 0x7"},
			edit: func(j *journey.Journey) { j.Steps[0].Did = journey.Delta{{Field: "mark", Value: "0x7"}} }},
		{name: "a mark that nobody showed", rules: mangle + "-A FORWARD -j SET --map-set seen src --map-mark\n-A FORWARD -m mark --mark 0x8 " + drop + "-A FORWARD -j ACCEPT\n",
			steps: []string{"FORWARD 1", "FORWARD 3"}, want: []string{"FORWARD 2: mark mark " + miss.Eliminated}},
		{name: "the owner at postrouting", rules: mangle + owner, steps: []string{"POSTROUTING 2"}, want: []string{"POSTROUTING 1: owner uid-owner 7"},
			edit: func(j *journey.Journey) {
				j.Path, j.In, j.Owner = journey.PathOutput, "", &journey.Owner{UID: 7, GID: 7}
			}},
		{name: "forwarded, so of no owner here", rules: mangle + owner, steps: []string{"POSTROUTING 2"}, want: []string{"POSTROUTING 1: owner uid-owner " + miss.Eliminated},
			edit: func(j *journey.Journey) { j.Owner = &journey.Owner{UID: 7, GID: 7} }},
		{name: "to a group of hosts", rules: filter + link, steps: []string{"INPUT 3"}, want: []string{"INPUT 1: mac mac-source 02:00:00:00:00:02", "INPUT 2: pkttype pkt-type multicast"},
			edit: func(j *journey.Journey) { j.Link = &journey.Link{Dst: "01:00:5e:00:00:01", Src: "02:00:00:00:00:02"} }},
		{name: "to all", rules: filter + link, steps: []string{"INPUT 3"}, want: []string{"INPUT 1: mac mac-source 02:00:00:00:00:02", "INPUT 2: pkttype pkt-type broadcast"},
			edit: func(j *journey.Journey) { j.Link = &journey.Link{Dst: "ff:ff:ff:ff:ff:ff", Src: "02:00:00:00:00:02"} }},
		{name: "over loopback", rules: filter + link, steps: []string{"INPUT 3"}, want: []string{"INPUT 1: mac mac-source " + miss.Eliminated, "INPUT 2: pkttype pkt-type " + miss.Eliminated},
			edit: func(j *journey.Journey) {
				j.In, j.Link = "lo", &journey.Link{Dst: "00:00:00:00:00:00", Src: "00:00:00:00:00:00"}
			}},
		{name: "the device at output", rules: filter + "-A OUTPUT -o eth5 " + drop + "-A OUTPUT -j ACCEPT\n", steps: []string{"OUTPUT 2"}, want: []string{"OUTPUT 1: out interface eth1"},
			edit: func(j *journey.Journey) { j.In, j.Out = "", "eth1" }},
		{name: "translated, so it may have been routed anew", rules: filter + "-A OUTPUT -o eth5 " + drop + "-A OUTPUT -j ACCEPT\n", steps: []string{"OUTPUT 2"}, want: []string{"OUTPUT 1: out interface " + miss.Eliminated},
			edit: func(j *journey.Journey) { j.In, j.Out, j.NAT = "", "eth1", &journey.NAT{} }},
		{name: "without a connection", rules: filter + "-A INPUT -m connmark --mark 0x1 " + drop + "-A INPUT -j ACCEPT\n", steps: []string{"INPUT 2"}, want: []string{"INPUT 1: connmark mark no connection"},
			edit: func(j *journey.Journey) { j.CTState = "INVALID" }},
		{name: "without a connection, of nf_tables", rules: "table ip t {\n chain forw {\n  type filter hook forward priority 0; policy accept;\n  ct mark 1 drop\n  ct direction reply drop\n  ct state new drop\n  accept\n }\n}\n",
			steps: []string{"forw 4"}, edit: func(j *journey.Journey) { j.CTState = "INVALID" },
			want: []string{"forw 1: ct mark no connection", "forw 2: ct direction no connection", "forw 3: ct state invalid"}},
		{name: "before conntrack", rules: raw + "-A PREROUTING -m conntrack --ctstate NEW " + drop + "-A PREROUTING -j ACCEPT\n", steps: []string{"PREROUTING 2"}, want: []string{"PREROUTING 1: conntrack ctstate INVALID"}},
		{name: "before conntrack, over loopback", rules: raw + "-A PREROUTING -m conntrack --ctstate NEW " + drop + "-A PREROUTING -j ACCEPT\n", steps: []string{"PREROUTING 2"}, want: []string{"PREROUTING 1: conntrack ctstate " + miss.Eliminated},
			edit: func(j *journey.Journey) { j.In = "lo" }},
		{name: "beside conntrack", rules: "table ip t {\n chain pre {\n  type filter hook prerouting priority -200; policy accept;\n  ct state new drop\n  accept\n }\n}\n", steps: []string{"pre 2"}, want: []string{"pre 1: ct state " + miss.Eliminated}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := walked(t, c.rules, c.steps...)
			if c.edit != nil {
				c.edit(j)
			}
			if got := told(miss.New(miss.Known{}).Look(j, 0)); !slices.Equal(got, c.want) {
				t.Errorf("told\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

// TestStates: what conntrack may have called a packet of which no event told it.
func TestStates(t *testing.T) {
	const drop = filter + "-A FORWARD -m conntrack --ctstate NEW -j DROP\n-A FORWARD -j ACCEPT\n"
	const accept = filter + "-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\n"
	const quiet = raw + "-A PREROUTING -j CT --ctevents destroy\n"
	const late = "table ip t {\n chain forw {\n  type filter hook forward priority 0; policy accept;\n  notrack\n  accept\n }\n}\n"
	found := func(before, after flow.Status) func(*journey.Journey) {
		return func(j *journey.Journey) {
			side := flow.Side{Tuple: j.Packet.Tuple()}
			j.Track.Before, j.Track.After = &flow.Flow{ID: 1, Orig: side, Status: before}, &flow.Flow{ID: 1, Orig: side, Status: after}
		}
	}
	for _, c := range []struct {
		name, rules string
		steps       []string
		edit        func(*journey.Journey)
		want        string
		odd         bool
	}{
		{name: "nothing is known", rules: filter, steps: []string{"FORWARD policy"}, want: "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED"},
		{name: "an event told of no entry", rules: filter, steps: []string{"FORWARD policy"}, want: "INVALID or UNTRACKED",
			edit: func(j *journey.Journey) { j.Track.None = true }},
		{name: "no entry", rules: filter, steps: []string{"FORWARD policy"}, want: "NEW, RELATED, INVALID or UNTRACKED",
			edit: func(j *journey.Journey) { j.Track.Absent = true }},
		{name: "no entry, but a rule keeps conntrack from telling", rules: quiet, steps: []string{"PREROUTING policy"}, want: "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED",
			edit: func(j *journey.Journey) { j.Track.Absent = true }},
		{name: "it met a nat chain", rules: nat, steps: []string{"PREROUTING policy"}, want: "NEW or RELATED"},
		{name: "it has an entry", rules: filter, steps: []string{"FORWARD policy"}, want: "NEW, ESTABLISHED, INVALID or UNTRACKED", edit: found(0, 0)},
		{name: "it has an entry that was expected", rules: filter, steps: []string{"FORWARD policy"}, want: "ESTABLISHED, RELATED, INVALID or UNTRACKED",
			edit: found(flow.Expected, flow.Expected)},
		{name: "its entry was answered", rules: filter, steps: []string{"FORWARD policy"}, want: "ESTABLISHED, INVALID or UNTRACKED", edit: found(flow.SeenReply, flow.SeenReply)},
		{name: "a rule that it missed", rules: drop, steps: []string{"FORWARD 2"}, want: "ESTABLISHED, RELATED, INVALID or UNTRACKED"},
		{name: "a rule that it hit", rules: accept, steps: []string{"FORWARD 1"}, want: "NEW"},
		{name: "a rule that it missed, perhaps", rules: drop, steps: []string{"FORWARD 2"}, want: "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED",
			edit: func(j *journey.Journey) { j.Complete = false }},
		{name: "taken out of tracking on the way", rules: late, steps: []string{"forw 1", "forw 2"}, want: "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED"},
		{name: "without an entry, taken out of tracking on the way", rules: late, steps: []string{"forw 1", "forw 2"}, want: "INVALID or UNTRACKED",
			edit: func(j *journey.Journey) { j.Track.None = true }},
		{name: "the rules contradict each other", rules: filter + "-A FORWARD -m conntrack --ctstate NEW -j DROP\n-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\n", steps: []string{"FORWARD 2"},
			want: "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED", odd: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := walked(t, c.rules, c.steps...)
			if c.edit != nil {
				c.edit(j)
			}
			f := miss.New(miss.Known{})
			if got := f.States(j).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			contradict := func(s string) bool { return strings.Contains(s, "contradict each other") }
			if l := f.Look(j, 0).Assumptions; slices.ContainsFunc(l, contradict) != c.odd {
				t.Errorf("assumed %q", l)
			}
		})
	}
}

// TestEliminatedIsNear: a condition that must have failed, since all else of its rule holds,
// counts like one that is known to have.
func TestEliminatedIsNear(t *testing.T) {
	j := walked(t, filter+"-A INPUT -m recent --rcheck --name a -j DROP\n-A INPUT -s 10.9.0.0/16 -d 10.9.0.0/16 -j DROP\n-A INPUT -j ACCEPT\n", "INPUT 3")
	got := told(miss.New(miss.Known{}).Look(j, 1))
	if want := []string{"INPUT 1: recent " + miss.Eliminated}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRulesGone: where the rules of then are not known any more there are no misses, and
// that is said.
func TestRulesGone(t *testing.T) {
	j := walked(t, filter+"-A INPUT -p tcp -j DROP\n-A INPUT -j ACCEPT\n", "INPUT 2")
	j.Rules, j.RulesGone = nil, true
	out := miss.New(miss.Known{}).Look(j, 0)
	if l := out.Assumptions; len(out.Steps) != 1 || len(l) != 1 || !strings.Contains(l[0], "let go to save memory") {
		t.Errorf("%d steps, assumed %q", len(out.Steps), l)
	}
}
