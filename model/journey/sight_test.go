package journey

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// TestSeats holds the seats of a hook against what stands there.
func TestSeats(t *testing.T) {
	rules := func(priorities ...model.Priority) *model.Ruleset {
		rs := &model.Ruleset{}
		for i, p := range priorities {
			rs.Tables = append(rs.Tables, nftTable(fmt.Sprint("t", i), chainOf("c", model.HookPrerouting, p, "accept")))
		}
		return rs
	}
	own := rules(-350, -300)
	own.Tables[0].Name = ProbePrefix + "1_1"
	for _, c := range []struct {
		name string
		rs   *model.Ruleset
		want string
	}{
		{"nothing but conntrack", &model.Ruleset{}, "-349 -201 -199"},
		{"no rules are known", nil, "-349 -201 -199"},
		{"raw and mangle", rules(-300, -150), "-349 -301 -201 -151 -149"},
		{"next to each other", rules(-150, -149, -148), "-349 -201 -151 -147"},
		{"at one", rules(0, 0), "-349 -201 -1 1"},
		{"before the arming", rules(-400, -350), "-349 -201 -199"},
		{"our own", own, "-349 -301 -201 -199"},
		{"at the ends", rules(-1<<31, 1<<31-1), "-349 -201 2147483646"},
	} {
		var got []string
		for _, s := range Seats(c.rs, -350, -350) {
			if s.Hook == model.HookPrerouting {
				got = append(got, fmt.Sprint(int64(s.Priority)))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// TestSights: of two packets with the same headers the one that the kernel dropped is known
// by its sk_buff, where they were seen between the chains; and what stands behind the last
// seat is named.
func TestSights(t *testing.T) {
	p := udp("10.2.0.2", 5)
	lower := *p
	lower.TTL--
	rules := rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")))
	seats := Seats(rules.Ruleset(), armingPriority, armingPriority)
	sight := func(skb uint64, h model.Hook, n int) *Sight {
		for _, s := range seats {
			if s.Hook != h {
				continue
			}
			if n--; n < 0 {
				return &Sight{Seat: s, Time: began, Skb: skb, Packet: *p, In: "r0"}
			}
		}
		t.Fatal("no such seat")
		return nil
	}
	on := func(skb uint64, hooks ...model.Hook) (l []any) {
		for _, h := range hooks {
			for i := range seats {
				if seats[i].Hook == h {
					l = append(l, &Sight{Seat: seats[i], Time: began, Skb: skb, Packet: *p, In: "r0"})
				}
			}
		}
		return l
	}
	of := func(d *drop.Drop, skb uint64) *drop.Drop { c := *d; c.Skb = skb; return &c }
	came, sent := arming(p), probe(model.HookPostrouting, &lower)
	came2, sent2 := came, sent
	came2.ID, sent2.ID = 8, 8
	rp := fallen(p, "IP_RPFILTER", drop.StationRouting)
	refused := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
	refused.Hook = model.HookPrerouting
	forward := *refused
	forward.Hook = model.HookForward
	kernel, conntrack := "dropped by the kernel at the routing decision", "dropped by conntrack in the prerouting hook, by no rule"
	device := fallen(&lower, "NEIGH_FAILED", drop.StationDeviceOut)
	device.In, device.Out = "", "r1"
	const table, untold = "dropped by filter/FORWARD (iptables-legacy) in the forward hook", "dropped by netfilter in the forward hook, and no rule that was traced did it"
	const neighbour = "dropped by the kernel at the interface it should leave by (NEIGH_FAILED)"
	carries := came
	content := *p
	content.Content = 1
	carries.Packet = &content
	// at is a packet that was seen before filter/FORWARD, and not behind.
	at := func(skb uint64, with func(*Sight)) (l []any) {
		l = append(on(skb, model.HookPrerouting), sight(skb, model.HookForward, 0))
		for _, x := range l {
			if s := x.(*Sight); with != nil {
				with(s)
			}
		}
		return l
	}
	named := func(number uint64, id uint32) func(*Sight) {
		return func(s *Sight) { s.Follow, s.New, s.ID, s.Turn = number, s.First, id, 1 }
	}
	turn := func(e Event) Event { e.Turn = 1; return e }
	all := []model.Hook{model.HookPrerouting, model.HookForward, model.HookPostrouting}
	for _, c := range []struct {
		name  string
		parts []any
		want  []string
	}{
		{"one of two", append(append(on(1, model.HookPrerouting), on(2, all...)...), came, came2, sent2, of(rp, 1)), []string{kernel, "sent out of r1"}},
		{"the other's that was not traced", append(on(1, model.HookPrerouting), came, of(rp, 3)), []string{"last seen in the prerouting hook"}},
		{"conntrack", []any{sight(1, model.HookPrerouting, 0), sight(1, model.HookPrerouting, 1), came, of(refused, 1)}, []string{conntrack}},
		{"a table", append(on(1, model.HookPrerouting), sight(1, model.HookForward, 0), came, of(&forward, 1)), []string{"dropped by filter/FORWARD (iptables-legacy) in the forward hook"}},
		{"some were lost", append(on(1, model.HookPrerouting), &Sight{Seat: sight(1, model.HookForward, 0).Seat, Lost: 1, Skb: 9, Packet: *p, Time: began}, came, of(&forward, 1)),
			[]string{"dropped by netfilter in the forward hook, and no rule that was traced did it"}},
		{"its beginning was not seen", []any{sight(1, model.HookForward, 0), came, of(&forward, 1)}, []string{"dropped by netfilter in the forward hook, and no rule that was traced did it"}},
		{"some were lost meanwhile", append(on(1, model.HookPrerouting), sight(1, model.HookForward, 0), &Sight{Seat: sight(1, model.HookForward, 0).Seat, Lost: 1, Skb: 9, Packet: *p, Time: began}, came, of(&forward, 1)),
			[]string{untold}},
		{"one of two left", append(append(on(1, model.HookPrerouting), on(2, all...)...), came, came2, sent2, of(device, 2)), []string{"last seen in the prerouting hook", neighbour}},
		{"no probe shows that it left, and one like it was dropped", append(on(1, all...), came, of(device, 3)), []string{"last seen in the prerouting hook; nothing would show it after that"}},
		{"only one like it was seen, of another content", append(at(3, func(s *Sight) { s.Packet.Content = 2 }), carries, of(&forward, 1)), []string{untold}},
		{"it was seen without its content", append(at(1, nil), carries, of(&forward, 1)), []string{table}},
		{"its event is without its content", append(at(1, func(s *Sight) { s.Packet.Content = 2 }), came, of(&forward, 1)), []string{table}},
		{"only one like it was seen, of another id", append(at(3, func(s *Sight) { s.Packet.IPID++ }), came, of(&forward, 1)), []string{untold}},
		{"only one like it was seen, from elsewhere", append(at(3, func(s *Sight) { s.Packet.Src = p.Src.Next() }), came, of(&forward, 1)), []string{untold}},
		{"one like it came before", append(append(at(1, nil), at(3, func(s *Sight) { s.Time = began.Add(-time.Second) })...), came, of(&forward, 1)), []string{table}},
		{"one like it came behind", append(append(at(1, nil), at(3, func(s *Sight) { s.Time = began.Add(time.Second) })...), came, of(&forward, 1)), []string{table}},
		{"it was seen a little before", append(at(1, func(s *Sight) { s.Time = began.Add(-100 * time.Millisecond) }), came, of(&forward, 1)), []string{table}},
		{"it was seen a little behind", append(at(1, func(s *Sight) { s.Time = began.Add(100 * time.Millisecond) }), came, of(&forward, 1)), []string{table}},
		{"one like it is sent", append(append(at(1, nil), on(3, model.HookOutput)...), came, of(&forward, 1)), []string{table}},
		{"one like it in another namespace", append(append(at(1, nil), at(3, func(s *Sight) { s.Netns = "b" })...), came, of(&forward, 1)), []string{table}},
		{"one like it does not come so far", append(append(at(1, nil), on(3, model.HookPrerouting)...), came, probe(model.HookForward, p), of(&forward, 1)), []string{table}},
		{"one like it that is not traced", append(append(at(1, nil), at(3, nil)...), came, of(&forward, 3)), []string{untold}},
		{"known by its number", slices.Concat([]any{turn(came), turn(came2)}, at(1, named(1, 7)), at(2, named(2, 8)), []any{of(&forward, 2)}),
			[]string{"last seen in the prerouting hook", table}},
		{"long after", append(at(1, nil), came, &Sight{Seat: seatOf(rules.Ruleset(), model.HookPrerouting, 0), Time: began.Add(time.Minute), Skb: 5, Packet: *p}, of(&forward, 1)), []string{untold}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{Probes: !strings.HasPrefix(c.name, "no probe")})
			f.SetRules(rules, time.Time{})
			f.SetDrops(true)
			for _, x := range c.parts {
				switch x := x.(type) {
				case Event:
					f.Event(&x)
				case *drop.Drop:
					f.Drop(x)
				case *Sight:
					f.Sight(x)
				}
			}
			c2 := f.Clone()
			for _, f := range []*Fold{f, c2} {
				f.Flush()
				js := f.Journeys()
				if len(js) != len(c.want) {
					t.Fatalf("%d journeys, want %d", len(js), len(c.want))
				}
				for i, j := range js {
					if !strings.HasPrefix(j.Outcome.Sentence, c.want[i]) {
						t.Errorf("%d. %q, want %q", i, j.Outcome.Sentence, c.want[i])
					}
				}
			}
		})
	}
}

// TestSightsOfBridge: who is sent by a bridge was seen to leave the hooks of the IP families, and
// is not taken for one like it that was dropped behind them.
func TestSightsOfBridge(t *testing.T) {
	p := udp("10.2.0.2", 5)
	rules := rulesOf(&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("out", model.HookOutput, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept")}})
	failed := fallen(p, "NEIGH_FAILED", drop.StationDeviceOut)
	for skb, want := range map[uint64]string{1: "dropped by the kernel", 2: "sent out of br0"} {
		f := NewFold(Options{Probes: true})
		f.SetRules(rules, time.Time{})
		f.SetDrops(true)
		for _, s := range Seats(rules.Ruleset(), armingPriority, armingPriority) {
			if s.Hook == model.HookOutput || s.Hook == model.HookPostrouting {
				f.Sight(&Sight{Seat: s, Time: began, Skb: 1, Packet: *p, Out: "br0"})
			}
		}
		for _, e := range []Event{between(arming(p), "", "br0", 1), between(probe(model.HookPostrouting, p), "", "br0", 1), between(bridgeChain("out", model.VerdictAccept, p, "", "p1"), "", "p1", 1), between(bridgeChain("post", model.VerdictAccept, p, "", "p1"), "", "p1", 1)} {
			f.Event(&e)
		}
		d := *failed
		d.In, d.Skb = "", skb
		f.Drop(&d)
		f.Flush()
		if j := f.Journeys(); len(j) != 1 || !strings.HasPrefix(j[0].Outcome.Sentence, want) {
			t.Errorf("dropped as %d: %d journeys, %s", skb, len(j), j[0].Outcome.Sentence)
		}
	}
}

// TestSightsOfTwo: of two packets with the same headers, both of which came to the last hook, the
// one that was seen behind it is not the one that was dropped there.
func TestSightsOfTwo(t *testing.T) {
	p := udp("10.2.0.2", 5)
	rules := rulesOf(legacyTable("mangle", builtin("mangle", "POSTROUTING", "ACCEPT")))
	f := NewFold(Options{Probes: true})
	f.SetRules(rules, time.Time{})
	f.SetDrops(true)
	for skb := range uint64(2) {
		for _, s := range Seats(rules.Ruleset(), armingPriority, armingPriority) {
			last := s.Hook == model.HookPostrouting && s.Until == LastSeat
			if s.Hook == model.HookPrerouting || s.Hook == model.HookForward || s.Hook == model.HookPostrouting && (skb == 0 || !last) {
				f.Sight(&Sight{Seat: s, Time: began, Skb: skb + 1, Packet: *p, In: "r0", Out: "r1"})
			}
		}
	}
	came, sent, came2 := arming(p), probe(model.HookPostrouting, p), between(arming(p), "r0", "", 8)
	for _, e := range []Event{came, sent, came2} {
		f.Event(&e)
	}
	d := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
	d.Hook, d.Skb = model.HookPostrouting, 2
	f.Drop(d)
	f.Flush()
	j := f.Journeys()
	if len(j) != 2 || j[0].Outcome.Verdict == Dropped || strings.Contains(j[0].Outcome.Sentence, "one or some") || !strings.HasPrefix(j[1].Outcome.Sentence, "dropped by mangle/POSTROUTING (iptables-legacy)") {
		t.Errorf("%d journeys: %s\n%s", len(j), j[0].Outcome.Sentence, j[1].Outcome.Sentence)
	}
}

// TestSuspects: a chain of nf_tables that let the packet go on did not drop it; what a legacy
// chain's tracer tells comes before its target runs, and where nobody is left all are named.
func TestSuspects(t *testing.T) {
	at := func(b model.Backend, f model.Family, table, chain string) standing {
		return standing{of: f, base: &base{place{model.HookForward, 0}, b, f, table, chain}}
	}
	legacy, nft, native := at(model.BackendLegacy, model.FamilyIPv4, "filter", "FORWARD"), at(model.BackendIptablesNFT, model.FamilyIPv4, "filter", "FORWARD"),
		at(model.BackendNFTables, model.FamilyInet, "fw", "forward")
	step := func(s standing, v model.Verdict) Step {
		return Step{Backend: s.base.backend, Family: s.base.family, Hook: s.base.hook, Table: s.base.table, Base: s.base.name, Chain: s.base.name, Verdict: v}
	}
	other := step(native, model.VerdictAccept)
	other.Hook = model.HookInput
	all := []standing{{of: model.FamilyInet}, legacy, nft, native}
	const every = "conntrack or filter/FORWARD (iptables-legacy) or filter/FORWARD (iptables-nft) or inet fw/forward (nftables)"
	for _, c := range []struct {
		name  string
		steps []Step
		of    []standing
		want  string
	}{
		{"nobody told", nil, all, every},
		{"one accepted", []Step{step(nft, model.VerdictAccept)}, all, "conntrack or filter/FORWARD (iptables-legacy) or inet fw/forward (nftables)"},
		{"both did", []Step{step(nft, model.VerdictAccept), step(native, model.VerdictContinue), step(native, model.VerdictAccept)}, all, "conntrack or filter/FORWARD (iptables-legacy)"},
		{"one began", []Step{step(native, model.VerdictContinue)}, all, every},
		{"in another hook", []Step{other}, all, every},
		{"a legacy chain", []Step{step(legacy, model.VerdictAccept)}, all, every},
		{"nobody is left", []Step{step(nft, model.VerdictAccept)}, []standing{nft}, "filter/FORWARD (iptables-nft)"},
	} {
		if got := names((&Journey{Steps: c.steps}).suspects(c.of)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestSuspectsInDoubt: what a packet like it may have told does not clear a chain of this one's drop.
func TestSuspectsInDoubt(t *testing.T) {
	t.Parallel()
	p := udp("10.2.0.2", 5)
	rules := rulesOf(nftTable("fw", chainOf("fwd", model.HookForward, 0, "accept")), legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")))
	const fw, filter = "inet fw/fwd (nftables)", "filter/FORWARD (iptables-legacy)"
	for want, twin := range map[string]bool{"dropped by " + filter + " in": false, "dropped by " + fw + " or " + filter + " in": true} {
		for _, late := range []bool{false, true} {
			f := NewFold(Options{Probes: true})
			f.SetRules(rules, time.Time{})
			f.SetDrops(true)
			seats := []Seat{seatOf(rules.Ruleset(), model.HookPrerouting, 0), seatOf(rules.Ruleset(), model.HookForward, 0)}
			events := []Event{between(arming(p), "r0", "", 7)}
			if twin {
				events = append(events, between(arming(p), "r0", "", 8))
			}
			for i := range events {
				events[i].Turn = 1
				f.Event(&events[i])
				for _, s := range seats {
					f.Sight(&Sight{Seat: s, Time: began, Skb: uint64(i + 1), Follow: uint64(i + 1), New: s.First, ID: events[i].ID, Turn: 1, Packet: *p, In: "r0"})
				}
			}
			accepts := between(message("fwd", EventPolicy, 0, model.VerdictAccept, p), "r0", "r1", 7)
			f.Event(&accepts)
			told := line("filter", "FORWARD", EventPolicy, 1, model.HookForward, p)
			f.Event(&told)
			d := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
			d.Hook, d.Skb = model.HookForward, 1
			if late {
				f.Tick(began.Add(time.Minute))
			}
			f.Drop(d)
			f.Flush()
			if j := f.Journeys()[0]; !strings.HasPrefix(j.Outcome.Sentence, want) || j.Complete {
				t.Errorf("one like it %v, told late %v: complete %v, %q (%s), want %q", twin, late, j.Complete, j.Outcome.Sentence, j.Why, want)
			}
		}
	}
}
