package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
)

// TestProvedOrder: of two chains at one priority that both drop, the one that a traced packet
// proved to be called first is it, the newest packet's word before older ones'; where none
// proved it both may be, and it is said that the order is not known.
func TestProvedOrder(t *testing.T) {
	chain := func(name, policy string) *model.Chain {
		return &model.Chain{Name: name, Hook: model.HookForward, Policy: policy}
	}
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{chain("FORWARD", "DROP")}}
	native := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{chain("f", "drop")}}
	late := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "late", Chains: []*model.Chain{chain("f", "drop")}}
	late.Chains[0].Priority = 5
	rs := &model.Ruleset{Tables: []*model.Table{legacy, native, late}}
	rs.Number()
	l, n := model.CalledOf(legacy, legacy.Chains[0]), model.CalledOf(native, native.Chains[0])
	proof := func(first, then model.Called) *journey.Journey {
		return &journey.Journey{Orders: []journey.Order{{First: first, Then: then}}}
	}
	const byLegacy, byNative = "the policy of filter/FORWARD (iptables-legacy)", "the policy of inet fw/f (nftables)"
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.2.0.2 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	d := &drop.Drop{Source: drop.StepBPF, Reason: "NETFILTER_DROP", Station: drop.StationNetfilter, Hook: model.HookForward, In: "r0", Out: "r1", Count: 1,
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"), SPort: 4000, DPort: 9}}
	for _, c := range []struct {
		name     string
		journeys []*journey.Journey
		suspects []string
	}{
		{"nothing is proved", nil, []string{byLegacy, byNative}},
		{"legacy first", []*journey.Journey{proof(l, n)}, []string{byLegacy}},
		{"nf_tables first", []*journey.Journey{{}, proof(n, l)}, []string{byNative}},
		{"it was the other way round before", []*journey.Journey{proof(n, l), proof(l, n)}, []string{byLegacy}},
		{"it was the other way round before that", []*journey.Journey{proof(l, n), proof(n, l)}, []string{byNative}},
	} {
		h := Host{Index: ruleset.NewIndex(rs), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}, Journeys: c.journeys}
		var got []string
		for _, s := range SuspectsOf(d, h).List {
			got = append(got, s.Words())
		}
		if slices.Sort(got); !slices.Equal(got, c.suspects) {
			t.Errorf("%s: %q may have dropped it, want %q", c.name, got, c.suspects)
		}
		j := Simulate(f, h)
		guess := strings.Contains(strings.Join(j.Assumptions, "\n"), " stand at the same priority: which ran first is not known")
		if len(c.suspects) == 1 && j.Outcome.Sentence != "dropped by "+c.suspects[0] || guess != (len(c.suspects) > 1) || j.Outcome.Verdict != journey.Dropped {
			t.Errorf("%s: %s, assumed %q", c.name, j.Outcome.Sentence, j.Assumptions)
		}
	}
}

// TestProofsEnd: what packets proved of a chain ends when the kernel calls it anew, although it has
// its old name and handle: legacy tables have none, and a table that is dormant for a while keeps
// its own. What was proved of others stays, and so does what comes after that.
func TestProofsEnd(t *testing.T) {
	rules := func(without string) *model.Ruleset {
		rs := &model.Ruleset{}
		for _, t := range []*model.Table{
			{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter"},
			{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Handle: 1},
			{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "gw", Handle: 2},
		} {
			if t.Name == without && t.Handle == 0 {
				continue
			} else if t.Name == without {
				t.Flags = "dormant"
			}
			t.Chains = []*model.Chain{{Name: "f", Hook: model.HookForward, Policy: "drop", Handle: t.Handle}}
			rs.Tables = append(rs.Tables, t)
		}
		rs.Number()
		return rs
	}
	all := rules("")
	called := func(i int) model.Called { return model.CalledOf(all.Tables[i], all.Tables[i].Chains[0]) }
	proof := func(n, first, then int) *journey.Journey {
		return &journey.Journey{Number: n, Orders: []journey.Order{{First: called(first), Then: called(then)}}}
	}
	old := []*journey.Journey{proof(1, 1, 0), proof(2, 1, 2), proof(3, 2, 0)}
	whole := []string{"fw filter", "fw gw", "gw filter"}
	for _, c := range []struct {
		name  string
		gone  []string // what was away for a while, one after the other
		later []*journey.Journey
		want  []string
	}{
		{"nothing changed", nil, nil, whole},
		{"a reload of something else", []string{"other"}, nil, whole},
		{"the legacy table", []string{"filter"}, nil, []string{"fw gw"}},
		{"one of nf_tables", []string{"gw"}, nil, []string{"fw filter"}},
		{"both", []string{"filter", "gw"}, nil, nil},
		{"and packets came after it", []string{"filter"}, []*journey.Journey{proof(4, 0, 1)}, []string{"filter fw", "fw gw"}},
		{"and more changed after that", []string{"filter", "other"}, []*journey.Journey{proof(4, 0, 1)}, []string{"filter fw", "fw gw"}},
	} {
		l := NewLook(&filter.Filter{}, "")
		show := func(rs *model.Ruleset, j ...*journey.Journey) {
			l.Snapshot(&snapshot.Snapshot{Rules: rs, Journeys: append(slices.Clone(old), j...)})
		}
		show(all)
		for _, gone := range c.gone {
			show(rules(gone))
			show(rules(""))
		}
		show(l.snap.Rules, c.later...)
		h := l.host()
		var got []string
		for _, p := range [][2]int{{1, 0}, {0, 1}, {1, 2}, {2, 0}} {
			if h.proved()(called(p[0]), called(p[1])) {
				got = append(got, all.Tables[p[0]].Name+" "+all.Tables[p[1]].Name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: proved are %q, want %q", c.name, got, c.want)
		}
	}
}

// TestConntracksPriority: what a chain before conntrack's priority asks of the connection finds
// none, behind it a new one; at conntrack's own priority the kernel may call either first, and
// what the chain does with tracking and with the connection's mark may come to pass or not.
func TestConntracksPriority(t *testing.T) {
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.1.0.1 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	accepted, dropped, either := []string(nil), []string{journey.Dropped}, []string{journey.Accepted, journey.Dropped}
	const untracked, fresh = "ct state untracked accept; drop", "ct state new accept; drop"
	for _, c := range []struct {
		priority, rules, input string
		want                   []string
	}{
		{"-201", "ct state new drop", "ct state untracked drop", accepted},
		{"-200", "ct state new drop", "ct state untracked drop", either},
		{"-199", "ct state new drop", "ct state untracked drop", dropped},
		{"-201", "notrack", untracked, accepted},
		{"-200", "notrack", untracked, either},
		{"-199", "notrack", untracked, dropped},
		{"-200", "notrack", fresh, either},
		{"-200", "accept", fresh, accepted},
		{"-200", "notrack", "ct state { new, untracked } accept; drop", accepted},
		{"-200", "notrack", "ct state established drop", accepted},
		{"-201", "ip ttl 64 notrack", untracked, either},
		{"-201", "ip ttl 64 notrack", "ct state established drop", accepted},
		{"-200", "ip ttl 64 notrack", untracked, either},
		{"-201", "ct mark set 1", "ct mark 1 drop", accepted},
		{"-200", "ct mark set 1", "ct mark 1 drop", either},
		{"-199", "ct mark set 1", "ct mark 1 drop", dropped},
		{"-200", "ct state untracked drop; }; chain b {; type filter hook prerouting priority -300; notrack", fresh, dropped},
		{"-200", "ct mark 1 accept", "ct mark 1 drop", []string{journey.Accepted}},
	} {
		list := func(s string) string { return strings.ReplaceAll(s, "; ", "\n\t\t") }
		rs := nftRules(t, "table inet a {\n\tchain c {\n\t\ttype filter hook prerouting priority "+c.priority+"; policy accept;\n\t\t"+list(c.rules)+
			"\n\t}\n\tchain f {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t"+list(c.input)+"\n\t}\n}\n")
		j := Simulate(f, Host{Index: ruleset.NewIndex(rs), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}})
		if got := ends(j); !slices.Equal(got, c.want) {
			t.Errorf("%s at %s, then %s: %s (%s), possible %v, want %v", c.rules, c.priority, c.input, j.Outcome.Verdict, j.Outcome.Sentence, j.Possible, c.want)
		}
	}
}

// ends are what may become of a simulated packet, nil where it is accepted.
func ends(j *journey.Journey) []string {
	if v := j.Outcome.Verdict; v == journey.Dropped || v == journey.Rejected {
		return []string{v}
	}
	return j.Possible
}

// TestMaybeUntracked: a packet that may be untracked may come to no chain of nat: what that does
// to it, it does perhaps.
func TestMaybeUntracked(t *testing.T) {
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.1.0.1 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		early, nat, input string
		want              []string
	}{
		{"-300; policy accept;\n\t\tnotrack", "drop", "udp dport 9 accept", nil},
		{"-200; policy accept;\n\t\tnotrack", "drop", "udp dport 9 accept", []string{journey.Accepted, journey.Dropped}},
		{"-200; policy accept;\n\t\taccept", "drop", "udp dport 9 accept", []string{journey.Dropped}},
		{"-200; policy accept;\n\t\tnotrack", "redirect to :10", "udp dport 10 drop", []string{journey.Accepted, journey.Dropped}},
		{"-200; policy accept;\n\t\taccept", "redirect to :10", "udp dport 10 drop", []string{journey.Dropped}},
		{"-200; policy accept;\n\t\tnotrack", "meta mark set 1", "meta mark 1 drop", []string{journey.Accepted, journey.Dropped}},
		{"-200; policy accept;\n\t\taccept", "meta mark set 1", "meta mark 1 drop", []string{journey.Dropped}},
		{"-200; policy accept;\n\t\tnotrack", "meta mark 1 drop", "udp dport 9 accept", nil},
	} {
		rs := nftRules(t, "table inet a {\n\tchain c {\n\t\ttype filter hook prerouting priority "+c.early+
			"\n\t}\n\tchain n {\n\t\ttype nat hook prerouting priority -100; policy accept;\n\t\t"+c.nat+
			"\n\t}\n\tchain f {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t"+c.input+"\n\t}\n}\n")
		j := Simulate(f, Host{Index: ruleset.NewIndex(rs), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}})
		if got := ends(j); !slices.Equal(got, c.want) {
			t.Errorf("%s, then %s, then %s: %s (%s), possible %v, want %v", c.early, c.nat, c.input, j.Outcome.Verdict, j.Outcome.Sentence, j.Possible, c.want)
		}
		if c.want == nil && slices.ContainsFunc(j.Steps, func(st journey.Step) bool { return st.Base == "n" }) {
			t.Errorf("%s, then %s: it came to nat", c.early, c.nat)
		}
	}
}

// TestGuessedOrder: where it matters which of two chains at one priority is called first, it is
// said that this is not known, wherever it matters: also where the packet is let through, and
// where one decides by what the other wrote. Where it does not matter nothing is said.
func TestGuessedOrder(t *testing.T) {
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.1.0.1 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	d := &drop.Drop{Source: drop.StepBPF, Reason: "NETFILTER_DROP", Station: drop.StationNetfilter, Hook: model.HookInput, In: "r0", Count: 1,
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.1.0.1"), SPort: 4000, DPort: 9}}
	const ab, ac, bc = "a/c and b/c", "a/c and c/c", "b/c and c/c"
	for _, c := range []struct {
		name     string
		chains   []string // of tables that are guessed to be called in this order
		guesses  []string
		suspects int
	}{
		{"a mark is set, then it drops", []string{"meta mark set 1", "meta mark 1 drop"}, []string{ab}, 1},
		{"it drops by the mark, then it is set", []string{"meta mark 1 drop", "meta mark set 1"}, []string{ab}, 1},
		{"another mark is set", []string{"meta mark set 2", "meta mark 1 drop"}, nil, 0},
		{"a mark that nobody asks for", []string{"meta mark set 1", "udp dport 9 drop"}, nil, 1},
		{"both drop", []string{"drop", "drop"}, []string{ab}, 2},
		{"one drops", []string{"drop", "udp dport 10 drop"}, nil, 1},
		{"the other drops", []string{"udp dport 10 drop", "drop"}, nil, 1},
		{"the first of three and the last drop", []string{"drop", "accept", "drop"}, []string{ac}, 2},
		{"two write what the third asks for", []string{"meta mark set meta mark or 1", "meta mark set meta mark or 2", "meta mark 3 drop"}, []string{ac, bc}, 1},
		{"it asks before both", []string{"meta mark 3 drop", "meta mark set meta mark or 1", "meta mark set meta mark or 2"}, []string{ac}, 1},
		{"the last mark stands, and is asked for later", []string{"meta mark set 1", "meta mark set 2", "", "meta mark 1 drop"}, []string{ab}, 1},
	} {
		text, names := "", "abcd"
		for i := len(c.chains) - 1; i >= 0; i-- { // who has the higher handle is guessed to be first
			at := "0"
			if i == 3 {
				at = "5"
			}
			if c.chains[i] != "" {
				text += fmt.Sprintf("table inet %c { # handle %d\n\tchain c { # handle 1\n\t\ttype filter hook input priority %s; policy accept;\n\t\t%s # handle 2\n\t}\n}\n", names[i], 10-i, at, c.chains[i])
			}
		}
		h := Host{Index: ruleset.NewIndex(nftRules(t, text)), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}}
		var got []string
		for _, a := range Simulate(f, h).Assumptions {
			if a, is := strings.CutSuffix(a, " stand at the same priority: which ran first is not known"); is {
				got = append(got, strings.ReplaceAll(strings.ReplaceAll(a, "inet ", ""), " (nftables)", ""))
			}
		}
		if !slices.Equal(got, c.guesses) {
			t.Errorf("%s: guessed of %q, want %q", c.name, got, c.guesses)
		}
		if n := len(SuspectsOf(d, h).List); n != c.suspects {
			t.Errorf("%s: %d may have dropped it, want %d", c.name, n, c.suspects)
		}
	}
}

// TestGuessedTranslation: of two chains of nat at one priority the first that translates is it: then
// the order matters although no chain drops the packet.
func TestGuessedTranslation(t *testing.T) {
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.1.0.1 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	routes := &model.Routes{List: []model.Route{{To: netip.MustParsePrefix("10.2.0.0/24"), Device: "r2"}, {To: netip.MustParsePrefix("10.3.0.0/24"), Device: "r3"}}}
	for _, c := range []struct {
		a, b  string
		guess bool
	}{
		{"redirect to :10", "dnat ip to 10.2.0.2", true},
		{"dnat ip to 10.2.0.2", "dnat ip to 10.3.0.2", true},
		{"dnat ip to 10.2.0.2", "udp dport 10 dnat ip to 10.3.0.2", false},
		{"ip ttl 64 drop", "ip ttl 64 reject", false},
		{"ip ttl 64 drop; meta mark set 1", "meta mark 1 ip ttl 64 reject", true},
	} {
		text := ""
		for i, rules := range []string{c.b, c.a} {
			text += fmt.Sprintf("table inet %c { # handle %d\n\tchain c { # handle 1\n\t\ttype nat hook prerouting priority -100; policy accept;\n\t\t%s # handle 2\n\t}\n}\n", "ba"[i], i+1, strings.ReplaceAll(rules, "; ", " # handle 3\n\t\t"))
		}
		j := Simulate(f, Host{Index: ruleset.NewIndex(nftRules(t, text)), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}, Routes: routes})
		if got := strings.Contains(strings.Join(j.Assumptions, "\n"), " stand at the same priority: "); got != c.guess {
			t.Errorf("%s, then %s: %s %v, guessed %v, want %v", c.a, c.b, j.Outcome.Sentence, j.Possible, got, c.guess)
		}
	}
}

// TestManyGuesses: of many chains at one priority not all orders are tried, and that is said.
func TestManyGuesses(t *testing.T) {
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.1.0.1 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	d := &drop.Drop{Source: drop.StepBPF, Station: drop.StationNetfilter, Hook: model.HookInput, In: "r0", Count: 1,
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.1.0.1"), SPort: 4000, DPort: 9}}
	for n, open := range map[int]bool{6: false, 7: true} { // 15 and 21 pairs
		text := ""
		for i := range n {
			text += fmt.Sprintf("table inet t%d {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t}\n}\n", i)
		}
		h := Host{Index: ruleset.NewIndex(nftRules(t, text)), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}}
		said := strings.Count(strings.Join(Simulate(f, h).Assumptions, "\n"), " stand at the same priority: ")
		if s := SuspectsOf(d, h); s.Open != open || said > 0 != open || said > 1 {
			t.Errorf("%d chains: open %v, said %d times", n, s.Open, said)
		}
	}
}

// TestTurned: an order that is tried goes against nothing that is known: chains of one table are
// told by their handles, others by packets.
func TestTurned(t *testing.T) {
	chain := func(name string, handle uint64) *model.Chain {
		return &model.Chain{Name: name, Hook: model.HookInput, Handle: handle}
	}
	nft := func(name string, handle uint64, c ...*model.Chain) *model.Table {
		return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: name, Handle: handle, Chains: c}
	}
	two, one, last := nft("two", 2, chain("q", 1), chain("p", 2)), nft("one", 3, chain("x", 1)), nft("last", 1, chain("z", 1))
	names := func(bases []ruleset.Base) (s string) {
		for i := range bases {
			s += bases[i].Chain.Name
		}
		return s
	}
	for _, c := range []struct {
		name   string
		tables []*model.Table
		proved [][2]*model.Table
		want   []string
	}{
		{"those behind a chain", []*model.Table{one, two}, nil, []string{"xpq", "pxq", "pqx", "pqx"}},
		{"those before a chain", []*model.Table{two, last}, nil, []string{"pqz", "zpq", "zpq", "pzq"}},
		{"three tables", []*model.Table{one, nft("two", 2, chain("p", 2)), last}, nil, []string{"xpz", "pxz", "zxp", "pzx", "xzp"}},
		{"what is proved of one between", []*model.Table{one, two, last}, [][2]*model.Table{{one, two}, {two, last}}, []string{"xpqz"}},
	} {
		rs := &model.Ruleset{Tables: c.tables}
		rs.Number()
		h := Host{Index: ruleset.NewIndex(rs)}
		for _, p := range c.proved {
			for _, a := range p[0].Chains {
				for _, b := range p[1].Chains {
					h.Journeys = append(h.Journeys, &journey.Journey{Orders: []journey.Order{{First: model.CalledOf(p[0], a), Then: model.CalledOf(p[1], b)}}})
				}
			}
		}
		bases := h.chains(model.FamilyIPv4, model.HookInput)
		got := []string{names(bases)}
		for _, g := range h.guesses(model.HookInput, bases) {
			for _, o := range g.others {
				got = append(got, names(o))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestNearInOrder: the rules that the packet passed are told in the order in which it met them,
// before all other evidence.
func TestNearInOrder(t *testing.T) {
	d, found := ruleset.ParseSave("test", []byte("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp --dport 10 -j DROP\n-A FORWARD -p udp --sport 7 -j DROP\n-A FORWARD -p udp --dport 9 -j DROP\n-A FORWARD -p udp -j DROP\nCOMMIT\n"), ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
	if len(found) > 0 {
		t.Fatal(found)
	}
	rs := &model.Ruleset{Tables: d.Tables()}
	rs.Number()
	r := &rs.Tables[0].Chains[0].Rules[2]
	st := journey.Step{Backend: model.BackendLegacy, Hook: model.HookForward, Family: model.FamilyIPv4, Table: "filter", Base: "FORWARD", Chain: "FORWARD", Kind: journey.KindRule, Rule: 3, Text: r.Text, Target: "DROP", Verdict: model.VerdictDrop, RuleID: r.ID, Time: begin}
	j := traced(10, udp(1), journey.Dropped, journey.CulpritOf(&st))
	j.Steps, j.Rules = []journey.Step{st}, ruleset.NewIndex(rs)
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	a := Judge(&Seen{Filter: f, Began: begin, Over: true, Watch: drop.Watch{Step: drop.StepBPF}, Journeys: []*journey.Journey{j}})
	before := slices.Clone(a.Evidence)
	a.Near(miss.New(miss.Known{}), 0)
	const passed = "passed rule %d of filter/FORWARD (iptables-legacy) (miss: "
	if n := len(a.Evidence) - len(before); n != 2 || !strings.HasPrefix(a.Evidence[0], fmt.Sprintf(passed, 1)) || !strings.HasPrefix(a.Evidence[1], fmt.Sprintf(passed, 2)) || !slices.Equal(a.Evidence[n:], before) {
		t.Errorf("%q, before that %q", a.Evidence, before)
	}
}
