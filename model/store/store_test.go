package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
)

var t0 = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// at is a time of the test, in milliseconds.
func at(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }

// parse makes a numbered Ruleset of save text.
func parse(t *testing.T, generation, text string) *model.Ruleset {
	t.Helper()
	rs, _, problems := ruleset.ParseFile("test", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	rs.Generation, rs.Taken = generation, t0
	return rs
}

const twoRules = "*filter\n:INPUT ACCEPT [0:0]\n:WEB - [0:0]\n[0:0] -A INPUT -p tcp -j WEB\n[0:0] -A INPUT -p udp -j DROP\n[0:0] -A WEB -j RETURN\nCOMMIT\n"

// counts makes Counts of rs: rules and chains in the order of their IDs.
func counts(rs *model.Ruleset, taken time.Time, packets ...uint64) *model.Counts {
	_, rules := rs.Size()
	c := &model.Counts{Generation: rs.Generation, Taken: taken}
	for i, n := range packets {
		v := model.Counters{Packets: n, Bytes: n * 100, Valid: true}
		if i < rules {
			c.Rules = append(c.Rules, v)
		} else {
			c.Chains = append(c.Chains, v)
		}
	}
	return c
}

func spark(s *snapshot.Snapshot, chain string) []float64 {
	for _, t := range s.Rules.Tables {
		if c := t.Chain(chain); c != nil && c.ID < len(s.Sparks) {
			return s.Sparks[c.ID]
		}
	}
	return nil
}

func TestCounters(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	rs := parse(t, "1", twoRules)
	s.Apply(&feed.Item{Time: t0, Rules: rs})
	first := s.Snapshot(t0)
	if first.Counts == nil || first.Previous != nil || len(first.Sparks) != 1 {
		t.Fatalf("after the first reading: counts %v, previous %v, %d sparks", first.Counts, first.Previous, len(first.Sparks))
	}
	// 10 to WEB and on to the policy, 5 dropped, 10 by the policy.
	a := counts(rs, at(1000), 10, 5, 10, 10, 0)
	s.Apply(&feed.Item{Time: at(1000), Counts: a})
	b := counts(rs, at(3000), 30, 25, 30, 30, 0)
	s.Apply(&feed.Item{Time: at(3000), Counts: b})
	snap := s.Snapshot(at(3000))
	if snap.Counts != b || snap.Previous != a {
		t.Error("counts and those before are not the last two")
	}
	if got, want := spark(snap, "INPUT"), []float64{15, 20}; !slices.Equal(got, want) {
		t.Errorf("spark %v, want %v", got, want)
	}
	if got := spark(snap, "WEB"); got != nil {
		t.Errorf("a user chain has the spark %v", got)
	}
	if len(first.Sparks[0]) != 0 {
		t.Error("an old snapshot's spark has grown")
	}

	// What is of another generation, or of another size, is not of these rules.
	for _, c := range []*model.Counts{
		{Generation: "0", Taken: at(4000), Rules: b.Rules, Chains: b.Chains},
		{Generation: "1", Taken: at(4000), Rules: b.Rules[:1], Chains: b.Chains},
		{Generation: "1", Taken: at(4000), Rules: b.Rules, Chains: nil},
	} {
		s.Apply(&feed.Item{Time: at(4000), Counts: c})
		if s.Snapshot(at(4000)).Counts != b {
			t.Errorf("counts that do not belong were taken: %+v", c)
		}
	}

	// A counter that falls, as while a legacy table is replaced, is no rate.
	s.Apply(&feed.Item{Time: at(4000), Counts: counts(rs, at(4000), 0, 0, 0, 0, 0)})
	s.Apply(&feed.Item{Time: at(5000), Counts: counts(rs, at(5000), 30, 26, 30, 30, 0)})
	if got := spark(s.Snapshot(at(5000)), "INPUT"); slices.ContainsFunc(got, func(v float64) bool { return v < 0 }) {
		t.Errorf("a negative rate: %v", got)
	}
}

// TestSparkLength: never more than sixteen, the newest last, and those handed out stay.
func TestSparkLength(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	rs := parse(t, "1", twoRules)
	s.Apply(&feed.Item{Time: t0, Rules: rs})
	var total uint64
	var old [][]float64
	var kept [][]float64
	for i := 1; i <= 40; i++ {
		total += uint64(i)
		s.Apply(&feed.Item{Time: at(i * 1000), Counts: counts(rs, at(i*1000), 0, total, 0, 0, 0)})
		l := spark(s.Snapshot(at(i*1000)), "INPUT")
		if n := min(i, sparkLength); len(l) != n || l[n-1] != float64(i) || l[0] != float64(i-n+1) {
			t.Fatalf("after %d seconds: %v", i, l)
		}
		old, kept = append(old, l), append(kept, slices.Clone(l))
	}
	for i := range old {
		if !slices.Equal(old[i], kept[i]) {
			t.Fatalf("the spark of second %d became %v, was %v", i+1, old[i], kept[i])
		}
	}
}

// TestGeneration: new rules, new counters; a chain that stays keeps its spark under
// its new ID.
func TestGeneration(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	rs := parse(t, "1", twoRules)
	s.Apply(&feed.Item{Time: t0, Rules: rs})
	s.Apply(&feed.Item{Time: at(1000), Counts: counts(rs, at(1000), 0, 7, 0, 0, 0)})
	rs2 := parse(t, "2", "*mangle\n:INPUT ACCEPT [0:0]\nCOMMIT\n"+twoRules)
	rs2.Taken = at(1500)
	s.Apply(&feed.Item{Time: at(1500), Rules: rs2})
	snap := s.Snapshot(at(1500))
	if snap.Rules != rs2 || snap.Previous != nil || snap.Counts.Generation != "2" {
		t.Errorf("after the change: previous %v, counts of %q", snap.Previous, snap.Counts.Generation)
	}
	if len(snap.Sparks) != 2 || len(snap.Sparks[0]) != 0 || !slices.Equal(snap.Sparks[1], []float64{7}) {
		t.Errorf("sparks %v", snap.Sparks)
	}
	// Late counters of the rules before are not taken.
	s.Apply(&feed.Item{Time: at(1600), Counts: counts(rs, at(1600), 0, 9, 0, 0, 0)})
	if got := s.Snapshot(at(1600)).Counts.Generation; got != "2" {
		t.Errorf("counts of generation %q", got)
	}
}

// TestPassed: what goes through a chain is at least what each rule saw together with
// what rules before it ended.
func TestPassed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, save string
		want       uint64
	}{
		{"policy only", "*filter\n:INPUT ACCEPT [9:900]\nCOMMIT\n", 9},
		{"ended by rules", "*filter\n:INPUT ACCEPT [9:900]\n[3:300] -A INPUT -p tcp -j ACCEPT\n[2:200] -A INPUT -j DROP\nCOMMIT\n", 14},
		{"all is ended in a user chain", "*filter\n:FORWARD DROP [1:100]\n:DOCKER - [0:0]\n[50:5000] -A FORWARD -j DOCKER\n[0:0] -A FORWARD -p udp -j DROP\n[49:4900] -A DOCKER -j ACCEPT\nCOMMIT\n", 50},
		{"RETURN comes to the policy", "*filter\n:INPUT ACCEPT [5:500]\n[5:500] -A INPUT -j RETURN\nCOMMIT\n", 5},
		{"LOG ends nothing", "*filter\n:INPUT ACCEPT [5:500]\n[5:500] -A INPUT -j LOG\nCOMMIT\n", 5},
	} {
		rs := parse(t, "1", c.save)
		if got := Passed(rs.Tables[0].Chains[0], rs.Counts()); !got.Valid || got.Packets != c.want {
			t.Errorf("%s: %+v, want %d packets", c.name, got, c.want)
		}
	}
	rs := parse(t, "1", "table ip fw {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tudp dport 9 drop\n\t}\n}\n")
	if got := Passed(rs.Tables[0].Chains[0], rs.Counts()); got.Valid {
		t.Errorf("no counter, and yet %+v", got)
	}
}

func tcpFlow(id uint32, sport uint16, nat string) *flow.Flow {
	orig := model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.0.0.5"), Dst: netip.MustParseAddr("203.0.113.9"), SPort: sport, DPort: 80}
	f := &flow.Flow{ID: id, Family: model.FamilyIPv4, Orig: flow.Side{Tuple: orig}, Reply: flow.Side{Tuple: orig.Reverse()}, State: "ESTABLISHED"}
	if nat != "" {
		f.Reply.Tuple.Dst, f.Status = netip.MustParseAddr(nat), flow.SrcNAT
	}
	return f
}

func change(s *Store, ms int, typ flow.EventType, f *flow.Flow) {
	s.Apply(&feed.Item{Time: at(ms), Flow: &flow.Event{Type: typ, Time: at(ms), Flow: f}})
}

func TestFlows(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	s.Apply(&feed.Item{Time: t0, Rules: parse(t, "1", "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n")})
	s.Apply(&feed.Item{Time: t0, Host: &feed.Host{Name: "gw", Source: "test", Local: []string{"198.51.100.1/24", "not an address"}}})
	f := tcpFlow(7, 40000, "198.51.100.1")
	change(s, 0, flow.EventNew, f)
	if got := s.index.ByID(7); got == nil || got.NAT.Client == "" {
		t.Fatalf("by ID: %+v", got)
	}
	for _, tuple := range []model.Tuple{f.Orig.Tuple, f.Reply.Tuple} {
		if s.index.ByTuple(tuple) == nil {
			t.Errorf("not found by %v", tuple)
		}
	}
	before := s.Snapshot(t0)
	if before.Flows.Table.Len() != 1 || !before.ConntrackInUse || before.Netns != "gw" {
		t.Fatalf("snapshot: %d flows, in use %v, netns %q", before.Flows.Table.Len(), before.ConntrackInUse, before.Netns)
	}
	if got := fmt.Sprint(before.Flows.Table.List()[0].NAT.Class); got != "[masquerade]" {
		t.Errorf("class %s", got)
	}
	s.Apply(&feed.Item{Time: t0, Table: &snapshot.Flows{Ready: true, Count: 1, Max: 100, Accounting: true}})
	change(s, 1000, flow.EventDestroy, f)
	mid := s.Snapshot(at(1000))
	if mid.Flows.Table.Len() != 1 || mid.Flows.Table.List()[0].Gone.IsZero() || !mid.Flows.Ready || mid.Flows.Max != 100 {
		t.Errorf("destroyed: %+v", mid.Flows)
	}
	s.Tick(at(1100))
	s.Tick(at(6100))
	if !s.Dirty() || s.Snapshot(at(6100)).Flows.Table.Len() != 0 {
		t.Error("a destroyed flow did not fade out")
	}
}

func legacy(ms int, ipid uint16, chain string, num int) *feed.Item {
	p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"),
		SPort: 1000, DPort: 9, Transport: true, IPID: ipid, Length: 40, TTL: 64}
	return &feed.Item{Time: at(ms), Event: &journey.Event{Source: journey.SourceLegacy, Time: at(ms), Family: model.FamilyIPv4, Table: "filter", Chain: chain,
		Kind: journey.EventRule, Hook: model.HookInput, Num: num, Packet: &p, In: "eth0"}}
}

func TestJourneysAndLoss(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	s.Apply(&feed.Item{Time: t0, Rules: parse(t, "1", twoRules)})
	s.Apply(legacy(0, 1, "INPUT", 2))
	open := s.Snapshot(at(1))
	s.Tick(at(500))
	snap := s.Snapshot(at(500))
	if len(open.Journeys) != 1 || open.Journeys[0].Closed {
		t.Fatalf("the first snapshot's journey: %+v", open.Journeys)
	}
	if j := snap.Journeys[0]; !j.Closed || !strings.Contains(j.Outcome.Sentence, "dropped by rule 2 of filter/INPUT (iptables-legacy): -A INPUT -p udp -j DROP") {
		t.Errorf("journey: %+v", j.Outcome)
	}
	if l := s.Loss(); l != (snapshot.Loss{}) {
		t.Errorf("loss before any: %+v", l)
	}
	s.Apply(&feed.Item{Time: at(600), Event: &journey.Event{Source: journey.SourceGap, Lost: 3, Time: at(600)}})
	s.Apply(&feed.Item{Time: at(600), Event: &journey.Event{Source: journey.SourceGap, Time: at(600)}})
	s.Apply(&feed.Item{Time: at(600), Flow: &flow.Event{Type: flow.EventGap, Time: at(600), Lost: 4}})
	s.Apply(&feed.Item{Time: at(600), Flow: &flow.Event{Type: flow.EventGap, Time: at(600)}})
	s.Apply(&feed.Item{Time: at(600), Sight: &journey.Sight{Lost: 5}})
	s.Dropped(10, 20, 0, 2)
	s.Dropped(0, 0, 0, 0)
	want := snapshot.Loss{Trace: 8, Flows: 4, Gaps: 2, Dropped: 32}
	if got := s.Snapshot(at(700)).Loss; got != want || got.Total() != 44 {
		t.Errorf("loss %+v (%d), want %+v: what our queue dropped is counted once", got, got.Total(), want)
	}
}

// TestDroppedFlowsHurtNoJourney: only lost trace events make a journey incomplete.
func TestDroppedFlowsHurtNoJourney(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		events, flows uint64
		complete      bool
	}{{0, 5, true}, {5, 0, false}} {
		s := New(journey.Options{})
		s.Apply(&feed.Item{Time: t0, Rules: parse(t, "1", twoRules)})
		first := legacy(0, 1, "INPUT", 2)
		first.Event.Hook = model.HookInput
		s.Apply(first)
		s.Dropped(c.events, c.flows, 0, 0)
		s.End()
		if j := s.Journeys()[0]; (j.Gaps == 0) != c.complete {
			t.Errorf("%d events and %d flows dropped: %d gaps, %s", c.events, c.flows, j.Gaps, j.Why)
		}
	}
}

func TestRateProblemsEnd(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	for _, typ := range []flow.EventType{flow.EventDumpBegin, flow.EventDump, flow.EventDumpEnd} { // no events
		change(s, 0, typ, tcpFlow(1, 1, ""))
	}
	for i := range 10 {
		s.Apply(legacy(i*100, uint16(i), "INPUT", 2))
	}
	s.Tick(at(2000))
	if got := s.Snapshot(at(2000)).EventsPerSecond; got != 5 {
		t.Errorf("%v events/s, want 5", got)
	}
	s.Tick(at(3000))
	if got := s.Snapshot(at(3000)).EventsPerSecond; got != 0 {
		t.Errorf("%v events/s after a quiet second", got)
	}
	for _, p := range []string{"a", "b", "a"} {
		s.Apply(&feed.Item{Time: at(3000), Problem: p})
	}
	before := s.Snapshot(at(3000))
	if got := strings.Join(before.Problems, ""); got != "ba" {
		t.Errorf("problems %q: said again, it moves to the end", got)
	}
	for i := range 100 {
		s.Apply(&feed.Item{Time: at(3000), Problem: fmt.Sprint(i)})
	}
	if n := len(s.Snapshot(at(3000)).Problems); n != 50 {
		t.Errorf("%d problems", n)
	}
	if got := strings.Join(before.Problems, ""); got != "ba" {
		t.Errorf("the old snapshot says %q now", got)
	}
	if s.Dirty() {
		t.Error("dirty after a snapshot")
	}
	s.Tick(at(3001))
	if s.Dirty() {
		t.Error("nothing happened, and it is dirty")
	}
	s.End()
	if snap := s.Snapshot(at(4000)); !snap.Ended || snap.Version != before.Version+2 {
		t.Errorf("ended %v, version %d after %d", snap.Ended, snap.Version, before.Version)
	}
}

// TestConntrackInUse: where rules ask for conntrack packets meet it, entries or not.
func TestConntrackInUse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		twoRules: false,
		"*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n":                                                               true,
		"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate NEW -j DROP\nCOMMIT\n":                    true,
		"*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --notrack\nCOMMIT\n":                                false,
		"table ip x {\n\tchain c {\n\t\ttype filter hook input priority 0;\n\t\tct state new accept\n\t}\n}\n":   true,
		"table ip x {\n\tchain c {\n\t\ttype filter hook input priority 0;\n\t\tudp dport 53 accept\n\t}\n}\n":   false,
		"table ip x {\n\tchain c {\n\t\ttype nat hook prerouting priority -100;\n\t}\n}\n":                       true,
		"table ip x {\n\tchain c {\n\t\ttype filter hook input priority 0;\n\t\tiif lo ct mark 1 accept\n\t}\n}": true,
	} {
		s := New(journey.Options{})
		s.Apply(&feed.Item{Time: t0, Rules: parse(t, "1", text)})
		if got := s.Snapshot(t0).ConntrackInUse; got != want {
			t.Errorf("in use %v, want %v:\n%s", got, want, text)
		}
	}
}

// TestFilteredAfterwards: what the kernel could not match chooses among the journeys.
func TestFilteredAfterwards(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	s.Apply(&feed.Item{Time: t0, Rules: parse(t, "1", twoRules)})
	s.Apply(&feed.Item{Time: t0, Trace: &snapshot.Trace{Armed: true, Filter: "udp and not dropped"}})
	s.Apply(legacy(0, 1, "INPUT", 2)) // dropped
	s.Apply(legacy(1, 2, "INPUT", 3)) // the policy
	if n := len(s.Snapshot(at(2)).Journeys); n != 2 {
		t.Errorf("%d journeys under way, want both", n)
	}
	s.Tick(at(1000))
	if l := s.Snapshot(at(1000)).Journeys; len(l) != 1 || l[0].Packet.IPID != 2 || len(s.Journeys()) != 1 {
		t.Fatalf("%d journeys, want the one that was not dropped", len(l))
	}
	s.Apply(&feed.Item{Time: at(1001), Trace: &snapshot.Trace{Armed: true, Filter: "udp"}})
	s.Apply(legacy(1002, 3, "INPUT", 2))
	s.Tick(at(2000))
	if l := s.Journeys(); l[len(l)-1].Packet.IPID != 3 {
		t.Errorf("another filter, and the drop is left out still")
	}
}

// A problem that is solved is none any more; it may come again.
func TestSolved(t *testing.T) {
	s := New(journey.Options{})
	for _, it := range []struct {
		item feed.Item
		want []string
	}{
		{feed.Item{Problem: "a"}, []string{"a"}}, {feed.Item{Problem: "b"}, []string{"a", "b"}}, {feed.Item{Solved: "c"}, []string{"a", "b"}},
		{feed.Item{Solved: "a"}, []string{"b"}}, {feed.Item{Problem: "a"}, []string{"b", "a"}},
	} {
		s.Apply(&it.item)
		if got := s.Snapshot(time.Time{}).Problems; !slices.Equal(got, it.want) {
			t.Errorf("after %+v: %q, want %q", it.item, got, it.want)
		}
	}
}

// A reading is known until the ruleset comes or it is over; its outline only while there
// are no rules.
func TestReading(t *testing.T) {
	s := New(journey.Options{})
	outline := &model.Ruleset{}
	read := func(r snapshot.Reading) *snapshot.Snapshot {
		s.Apply(&feed.Item{Reading: &r})
		if !s.Dirty() {
			t.Error("nothing is drawn anew")
		}
		return s.Snapshot(time.Time{})
	}
	if sn := read(snapshot.Reading{What: "a", Outline: outline, Waiting: []int32{3}}); sn.Reading.What != "a" || sn.Shown() != outline || sn.Reading.Waits(&model.Chain{}) != 3 {
		t.Errorf("%+v", sn.Reading)
	}
	if sn := read(snapshot.Reading{Failed: "b", Outline: outline}); sn.Reading.Failed != "b" || sn.Shown() != outline {
		t.Errorf("%+v", sn.Reading)
	}
	rs := &model.Ruleset{Generation: "g"}
	s.Apply(&feed.Item{Rules: rs})
	if sn := s.Snapshot(time.Time{}); sn.Reading != nil || sn.Shown() != rs {
		t.Errorf("after the ruleset: %+v", sn.Reading)
	}
	if sn := read(snapshot.Reading{What: "c", Outline: outline, Waiting: []int32{3}}); sn.Reading.Outline != nil || sn.Reading.Waiting != nil || sn.Shown() != rs {
		t.Errorf("beside a ruleset: %+v", sn.Reading)
	}
	s.Apply(&feed.Item{Counts: rs.Counts()})
	if sn := s.Snapshot(time.Time{}); sn.Reading == nil {
		t.Error("counters end no reading")
	}
	if sn := read(snapshot.Reading{}); sn.Reading != nil {
		t.Errorf("over, but %+v", sn.Reading)
	}
}

// TestFlowsAloneAreNoHurry: where nothing but flows changed the next picture may wait.
func TestFlowsAloneAreNoHurry(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	batch := func() *feed.Item {
		b := &flow.Batch{Time: t0}
		b.Put(&flow.Event{Type: flow.EventNew, Flow: tcpFlow(1, 1, "")})
		return &feed.Item{Time: t0, Flows: b}
	}
	for _, c := range []struct {
		items []*feed.Item
		idle  bool
	}{
		{nil, false}, {[]*feed.Item{batch(), batch()}, true}, {[]*feed.Item{batch(), {Time: t0, Problem: "p"}}, false},
		{[]*feed.Item{{Time: t0, Problem: "q"}, batch()}, false},
	} {
		s.Snapshot(t0)
		for _, it := range c.items {
			s.Apply(it)
		}
		if s.Idle() != c.idle || s.Dirty() != (len(c.items) > 0) {
			t.Errorf("%d items: idle %v, dirty %v", len(c.items), s.Idle(), s.Dirty())
		}
	}
}
