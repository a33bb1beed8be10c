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
		switch what := w[len(w)-1]; {
		case what == "policy" && len(w) > 2: // a chain's end
			st.Kind, st.Verdict = journey.KindEnd, model.VerdictReturn
		case what == "passed":
			st.Kind = journey.KindPassed
		case what != "policy":
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
			steps: []string{"INPUT 2", "INPUT 4"}, want: []string{"INPUT 1: ip saddr 10.1.0.2", "INPUT 3: ip saddr 10.1.0.2"}},
		{name: "before the trace began, legacy", rules: raw + "-A PREROUTING -s 10.8.0.0/16 " + drop + "-A PREROUTING -p udp -j TRACE\n-A PREROUTING -s 10.9.0.0/16 " + drop + "-A PREROUTING -j ACCEPT\n",
			steps: []string{"PREROUTING 4"}, want: []string{"PREROUTING 1: source 10.1.0.2", "PREROUTING 3: source 10.1.0.2"}},
		{name: "before the trace began in a called chain", rules: raw + ":T - [0:0]\n-A PREROUTING -p udp -j T\n-A PREROUTING -s 10.9.0.0/16 " + drop + "-A T -j TRACE\n",
			steps: []string{"PREROUTING T policy", "PREROUTING policy"}, want: []string{"PREROUTING 2: source 10.1.0.2"}},
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
		{name: "a rule that it met before it was traced", rules: "table ip t {\n chain forw {\n  type filter hook forward priority 0; policy accept;\n  ct state new counter\n  meta nftrace set 1\n }\n}\n", steps: []string{"forw 2"},
			want: "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED"},
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

// TestBegun: what is told of rules before the one that switched the trace on. Those that would
// have ended the packet's way did not match; of others the headers tell, and what they do not
// is said to be unknown.
func TestBegun(t *testing.T) {
	const limit = "-m limit --limit 1/hour --limit-burst 1"
	const trace, other = "-A PREROUTING -p udp -j TRACE\n", "-A PREROUTING -p tcp -j TRACE\n"
	const native = "table ip t {\n chain u {\n  meta nftrace set 1\n }\n chain pre {\n  type filter hook prerouting priority -300; policy accept;\n"
	unknown := func(rules string) string {
		return "whether it matched rule " + rules + " is not known: that was before a rule that is not nfscope's switched the trace on"
	}
	lost := func(chain string) []string {
		return []string{"which rules of " + chain + " it met is not known: the trace was switched on in a chain, and by which rules it came there is not known"}
	}
	// into is a chain that writes the port that the rules before it, those given, look at.
	into := func(rules, u string) string {
		return "table ip t {\n" + u + " chain pre {\n  type filter hook prerouting priority -300; policy accept;\n" + rules + " }\n}\n"
	}
	const writes, both = " chain u {\n  udp dport set 9\n }\n", " chain u {\n  udp dport set 9\n  meta nftrace set 1\n }\n"
	for _, c := range []struct {
		name, rules  string
		steps        []string
		traced       bool
		blank        int // the rule of pre that nobody could print
		want, assume []string
	}{
		{name: "nfscope traced it before", traced: true, rules: raw + "-A PREROUTING " + limit + "\n" + trace, steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 1: limit " + miss.Eliminated, "PREROUTING 2: protocol udpby its text it should have matched: protocol is udp"}},
		{name: "nfscope's own rule in the raw table", traced: true, rules: raw + ":nfscope_t - [0:0]\n-A PREROUTING -j nfscope_t\n-A PREROUTING -p tcp -j DROP\n" + other + "-A nfscope_t -j TRACE\n", steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 2: protocol udp", "PREROUTING 3: protocol udp"}},
		{name: "nfscope's own rule, of whose chain the event was lost", rules: raw + ":nfscope_t - [0:0]\n-A PREROUTING -j nfscope_t\n-A PREROUTING -p tcp -j DROP\n-A nfscope_t -j TRACE\n", steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 2: protocol udp"}},
		{name: "a rule of the user's, behind nfscope's own", rules: raw + ":nfscope_t - [0:0]\n-A PREROUTING -p udp -j nfscope_t\n-A PREROUTING -p tcp -j DROP\n" + trace + "-A nfscope_t -j TRACE\n", steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 2: protocol udp"}},
		{name: "only headers tell of what may go on", rules: raw + "-A PREROUTING " + limit + "\n-A PREROUTING -p tcp\n-A PREROUTING " + limit + " -j DROP\n" + trace, steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 2: protocol udp", "PREROUTING 3: limit " + miss.Eliminated}, assume: []string{unknown("1 of raw/PREROUTING (iptables-legacy)")}},
		{name: "one that would have gone on elsewhere", rules: raw + ":A - [0:0]\n-A PREROUTING " + limit + " -g A\n" + trace, steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 1: limit " + miss.Eliminated}},
		{name: "what may not have begun it", rules: raw + trace + "-A PREROUTING " + limit + "\n" + other, steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 2: limit " + miss.Eliminated, "PREROUTING 3: protocol udp"}},
		{name: "rules that trace, when it was on", rules: raw + trace + trace + trace, steps: []string{"PREROUTING 2", "PREROUTING 3", "PREROUTING policy"}},
		{name: "a chain of which nothing is told, and one that it came to later", rules: raw + "-A PREROUTING " + limit + "\n" + trace + "-A OUTPUT " + limit + "\n-A OUTPUT -p udp -j TRACE\n",
			steps: []string{"OUTPUT passed", "PREROUTING policy", "OUTPUT policy"}, assume: []string{unknown("1 of raw/PREROUTING (iptables-legacy)")},
			want: []string{"OUTPUT 1: limit " + miss.Eliminated, "OUTPUT 2: protocol udpby its text it should have matched: protocol is udp"}},
		{name: "the connection may have been written", rules: native + "  limit rate 1/hour notrack\n  ct state untracked counter\n  meta nftrace set 1\n }\n}\n", steps: []string{"pre 3"},
			assume: []string{unknown("1, 2 of ip t/pre (nftables)")}},
		{name: "two may have begun it", rules: raw + trace + "-A PREROUTING -p tcp -j ACCEPT\n" + trace + other + "-A PREROUTING -p icmp -j ACCEPT\n", steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 2: protocol udp", "PREROUTING 4: protocol udp", "PREROUTING 5: protocol udp"}, assume: []string{unknown("1, 3 of raw/PREROUTING (iptables-legacy)")}},
		{name: "two may have begun it, and behind them is no third", rules: raw + "-A PREROUTING -p tcp\n" + trace + trace + "-A PREROUTING -m set --match-set s src -j ACCEPT\n", steps: []string{"PREROUTING policy"},
			want: []string{"PREROUTING 1: protocol udp", "PREROUTING 4: set match-set " + miss.Eliminated}, assume: []string{unknown("2, 3 of raw/PREROUTING (iptables-legacy)")}},
		{name: "many", rules: raw + strings.Repeat("-A PREROUTING "+limit+"\n", 5) + trace, steps: []string{"PREROUTING policy"},
			assume: []string{unknown("1, 2, 3 of raw/PREROUTING (iptables-legacy) and 2 more")}},
		{name: "in a chain", rules: raw + ":A - [0:0]\n:B - [0:0]\n-A OUTPUT -j B\n-A PREROUTING -p tcp -j DROP\n-A PREROUTING -j A\n-A PREROUTING -p icmp -j DROP\n-A A " + limit + "\n-A A -g B\n-A A -j DROP\n-A B -p tcp -j DROP\n-A B -j TRACE\n-A B -p icmp -j DROP\n",
			steps: []string{"PREROUTING B policy", "PREROUTING policy"},
			want:  []string{"PREROUTING 1: protocol udp", "B 1: protocol udp", "B 3: protocol udp", "PREROUTING 3: protocol udp"}, assume: []string{unknown("1 of raw/A (iptables-legacy)")}},
		{name: "in a chain that the base chain went to for good", rules: raw + ":A - [0:0]\n-A PREROUTING -p tcp -j DROP\n-A PREROUTING -g A\n-A PREROUTING -p icmp -j DROP\n-A A -j TRACE\n",
			steps: []string{"PREROUTING A policy", "PREROUTING policy"}, want: []string{"PREROUTING 1: protocol udp"}},
		{name: "in a chain that two rules lead to", rules: raw + ":A - [0:0]\n-A PREROUTING -p udp -j A\n-A PREROUTING -j A\n-A A -j TRACE\n", steps: []string{"PREROUTING A policy", "PREROUTING policy"},
			assume: lost("raw/PREROUTING (iptables-legacy)")},
		{name: "in a chain that only itself leads to", rules: raw + ":A - [0:0]\n-A A -j A\n-A A -j TRACE\n", steps: []string{"PREROUTING A policy", "PREROUTING policy"},
			assume: lost("raw/PREROUTING (iptables-legacy)")},
		{name: "in a chain that does not trace: events were lost", rules: raw + ":A - [0:0]\n-A PREROUTING -p tcp -j DROP\n-A PREROUTING -j A\n", steps: []string{"PREROUTING A policy", "PREROUTING policy"}},
		{name: "not in the raw table, so it began before", rules: filter + "-A FORWARD -p tcp -j TRACE\n", steps: []string{"FORWARD policy"}, want: []string{"FORWARD 1: protocol udp"}},
		{name: "a mark may have been set", rules: native + "  limit rate 1/hour meta mark set 7\n  meta mark 9 counter\n  meta mark 9 drop\n  udp dport 7 counter\n  meta nftrace set 1\n }\n}\n", steps: []string{"pre 5"},
			want: []string{"pre 3: mark " + miss.Eliminated, "pre 4: udp dport 9"}, assume: []string{unknown("1, 2 of ip t/pre (nftables)")}},
		{name: "nothing can have set the mark", rules: native + "  udp dport 9 meta mark 9 drop\n  meta nftrace set 1\n }\n}\n", steps: []string{"pre 2"}, want: []string{"pre 1: mark 0x0"}},
		{name: "headers may have been rewritten", rules: native + "  ip dscp set 7\n  udp dport 7 counter\n  ip dscp 3 counter\n  meta nftrace set 1\n }\n}\n", steps: []string{"pre 4"},
			want: []string{"pre 2: udp dport 9"}, assume: []string{unknown("1, 3 of ip t/pre (nftables)")}},
		{name: "a chain may have rewritten them", rules: native + "  jump u\n  udp dport 7 counter\n  meta nftrace set 1\n }\n}\n", steps: []string{"pre 3"},
			assume: []string{unknown("1, 2 of ip t/pre (nftables)")}},
		{name: "a chain that a map calls may have, too", rules: into("  udp dport 7 counter\n  udp dport vmap { 7 : jump u }\n  meta nftrace set 1\n", writes), steps: []string{"pre 3"},
			assume: []string{unknown("1, 2 of ip t/pre (nftables)")}},
		{name: "rules in braces, too", rules: into("  udp dport 7 counter\n  udp dport 7 jump {\n   counter\n  }\n  meta nftrace set 1\n", ""), steps: []string{"pre 3"},
			assume: []string{unknown("1, 2 of ip t/pre (nftables)")}},
		{name: "a rule that nobody could print, too", rules: into("  udp dport 7 counter\n  continue\n  meta nftrace set 1\n", ""), blank: 2, steps: []string{"pre 3"},
			assume: []string{unknown("1, 2 of ip t/pre (nftables)")}},
		{name: "in a chain that a rule may lead to which nobody could print", rules: into("  udp dport 7 counter\n  continue\n  jump u\n", " chain u {\n  meta nftrace set 1\n }\n"), blank: 2,
			steps: []string{"pre u 1"}, assume: lost("ip t/pre (nftables)")},
		{name: "its header by place and length", rules: into("  udp dport 7 counter\n  @th,16,16 set 9\n  meta nftrace set 1\n", ""), steps: []string{"pre 3"},
			assume: []string{unknown("1, 2 of ip t/pre (nftables)")}},
		{name: "by the rule that traced", rules: into("  udp dport 7 counter\n  udp dport set 9 meta nftrace set 1\n", ""), steps: []string{"pre 2"},
			assume: []string{unknown("1 of ip t/pre (nftables)")}},
		{name: "what would have ended its way, had it not been written since", rules: into("  udp dport 9 drop\n  udp dport set 9\n  meta nftrace set 1\n", ""), steps: []string{"pre 3"},
			want: []string{"pre 1: its packet may have been rewritten since, before the trace began, so what failed is not known"}, assume: []string{unknown("2 of ip t/pre (nftables)")}},
		{name: "the mark, by the rule that traced", rules: into("  meta mark 0 drop\n  meta mark set 0 meta nftrace set 1\n", ""), steps: []string{"pre 2"},
			want: []string{"pre 1: mark " + miss.Eliminated}},
		{name: "the connection, by the rule that traced", rules: into("  ct state untracked drop\n  notrack meta nftrace set 1\n", ""), steps: []string{"pre 2"},
			want: []string{"pre 1: ct state " + miss.Eliminated}},
		{name: "in the chain where it was traced", rules: into("  udp dport 7 counter\n  jump u\n", both), steps: []string{"pre u 2"},
			assume: []string{unknown("1 of ip t/pre (nftables)"), unknown("1 of ip t/u (nftables)")}},
		{name: "by the rule that led there", rules: into("  udp dport 7 counter\n  udp dport 7 udp dport set 9 jump u\n", " chain u {\n  meta nftrace set 1\n }\n"), steps: []string{"pre u 1"},
			assume: []string{unknown("1 of ip t/pre (nftables)")}},
		{name: "led there by a rule that it matched before it was written", rules: into("  tcp dport 7 drop\n  udp dport 7 jump u\n", both), steps: []string{"pre u 2"},
			want: []string{"pre 1: protocol udp"}, assume: []string{unknown("1 of ip t/u (nftables)")}},
		{name: "in a chain that a map and a rule lead to", rules: into("  udp dport vmap { 9 : jump u }\n  udp dport 7 counter\n  tcp dport 1 jump u\n", " chain u {\n  meta nftrace set 1\n }\n"),
			steps: []string{"pre u 1"}, assume: lost("ip t/pre (nftables)")},
		{name: "in a chain that a map leads to", rules: into("  udp dport 7 counter\n  udp dport vmap { 9 : jump u }\n", " chain u {\n  meta nftrace set 1\n }\n"),
			steps: []string{"pre u 1"}, assume: lost("ip t/pre (nftables)")},
		{name: "in a chain that rules in braces lead to", rules: into("  udp dport 7 counter\n  goto { jump u; }\n  udp dport 8 counter\n", " chain u {\n  meta nftrace set 1\n }\n"),
			steps: []string{"pre u 1"}, assume: lost("ip t/pre (nftables)")},
		{name: "in a chain that a rule leads to which it cannot have matched", rules: into("  udp dport 7 counter\n  tcp dport 1 jump u\n", " chain u {\n  meta nftrace set 1\n }\n"),
			steps: []string{"pre u 1"}, assume: lost("ip t/pre (nftables)")},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := walked(t, c.rules, c.steps...)
			j.Traced = c.traced
			if c.blank > 0 {
				r := &j.Rules.Ruleset().Tables[0].Chain("pre").Rules[c.blank-1]
				*r = model.Rule{ID: r.ID, Index: r.Index, Text: "# not known"}
			}
			full := miss.New(miss.Known{}).Look(j, 0)
			if got := told(full); !slices.Equal(got, c.want) || !slices.Equal(full.Assumptions, c.assume) {
				t.Errorf("told\n  %s\nassumed %q, want\n  %s\n%q", strings.Join(got, "\n  "), full.Assumptions, strings.Join(c.want, "\n  "), c.assume)
			}
			for i := range full.Steps {
				if full.Steps[i].Beside != 0 {
					t.Errorf("%d rules beside %s", full.Steps[i].Beside, full.Steps[i].Text)
				}
			}
		})
	}
}
