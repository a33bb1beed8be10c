package flow

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"nfscope/model"
)

func tcp(n byte, id uint32) *Flow {
	o := model.Tuple{Proto: model.ProtoTCP, Src: netip.AddrFrom4([4]byte{10, 1, 0, n}), Dst: netip.MustParseAddr("10.2.0.2"), SPort: 1000, DPort: 80}
	return &Flow{ID: id, Family: model.FamilyIPv4, Orig: Side{Tuple: o}, Reply: Side{Tuple: o.Reverse()}}
}

func at(n int) time.Time { return time.Unix(int64(n), 0) }

// kernel is a conntrack table that sends events and can be dumped in two pieces.
type kernel struct {
	flows map[byte]*Flow
	queue []Event
	mark  uint32
}

func (k *kernel) step(r *rand.Rand, now time.Time) {
	n := byte(r.IntN(12))
	k.mark++
	old, ok := k.flows[n]
	switch {
	case !ok:
		f := tcp(n, uint32(n)) // the same ID each time: the kernel does use them again
		f.Mark = k.mark
		k.flows[n] = f
		k.queue = append(k.queue, Event{Type: EventNew, Time: now, Flow: f})
	case r.IntN(3) == 0:
		delete(k.flows, n)
		k.queue = append(k.queue, Event{Type: EventDestroy, Time: now, Flow: old})
	default:
		f := *old
		f.Mark = k.mark
		k.flows[n] = &f
		k.queue = append(k.queue, Event{Type: EventUpdate, Time: now, Flow: &f})
	}
}

func (k *kernel) check(t *testing.T, tab *Table, when string) {
	t.Helper()
	live := 0
	for _, f := range tab.List() {
		if !f.Gone.IsZero() {
			continue
		}
		live++
		want := k.flows[f.Orig.Tuple.Src.As4()[3]]
		if want == nil || want.Mark != f.Mark {
			t.Fatalf("%s: the table has %s mark %d, the kernel %+v", when, f.Line(), f.Mark, want)
		}
	}
	if live != len(k.flows) || tab.Live() != live {
		t.Fatalf("%s: the table lists %d flows and counts %d, the kernel has %d", when, live, tab.Live(), len(k.flows))
	}
}

// TestTableEqualsKernel runs a made-up kernel whose events arrive late, beside dumps
// that see every flow at another moment; sometimes events are lost, and the next
// undisturbed dump must put everything right.
func TestTableEqualsKernel(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		k := &kernel{flows: map[byte]*Flow{}}
		tab := &Table{}
		lost, now := false, 0
		deliver := func(n int) {
			for ; n > 0 && len(k.queue) > 0; n-- {
				tab.Apply(k.queue[0])
				k.queue = k.queue[1:]
			}
		}
		for range 40 {
			now++
			for range r.IntN(8) {
				k.step(r, at(now))
			}
			switch r.IntN(4) {
			case 0:
				deliver(r.IntN(10))
			case 1:
				if r.IntN(4) == 0 && len(k.queue) > 0 {
					i := r.IntN(len(k.queue))
					k.queue = slices.Delete(k.queue, i, i+1)
					tab.Apply(Event{Type: EventGap, Lost: 1})
					lost = true
				}
			case 2: // a dump, each flow read at a moment of its own
				tab.Apply(Event{Type: EventDumpBegin})
				seen := 0
				for n := range byte(12) {
					for range r.IntN(3) {
						k.step(r, at(now))
					}
					f := k.flows[n]
					for range r.IntN(2) { // read now, handed over later
						k.step(r, at(now))
					}
					deliver(r.IntN(4))
					if f != nil {
						seen++
						tab.Apply(Event{Type: EventDump, Time: at(now), Flow: f})
					}
				}
				tab.Apply(Event{Type: EventDumpEnd, Time: at(now), Flows: seen})
			}
			if !lost && r.IntN(3) == 0 {
				deliver(len(k.queue))
				k.check(t, tab, "drained")
			}
		}
		deliver(len(k.queue))
		tab.Apply(Event{Type: EventDumpBegin})
		for _, f := range k.flows {
			tab.Apply(Event{Type: EventDump, Flow: f})
		}
		tab.Apply(Event{Type: EventDumpEnd, Time: at(now), Flows: len(k.flows)})
		k.check(t, tab, "after a dump")
		tab.Expire(at(now).Add(Linger))
		if n := len(tab.List()); n != len(k.flows) {
			t.Fatalf("%d flows after Expire, %d live", n, len(k.flows))
		}
	}
}

func TestTableKeepsOrderAndIdentity(t *testing.T) {
	tab := &Table{}
	for n := range byte(5) {
		tab.Apply(Event{Type: EventNew, Time: at(1), Flow: tcp(n, 7)})
	}
	first := tab.List()
	tab.Apply(Event{Type: EventDestroy, Time: at(2), Flow: tcp(1, 7)})
	tab.Apply(Event{Type: EventUpdate, Time: at(2), Flow: tcp(3, 7)})
	tab.Apply(Event{Type: EventNew, Time: at(3), Flow: tcp(1, 7)}) // a new life: at the end
	var got []byte
	for _, f := range tab.List() {
		got = append(got, f.Orig.Tuple.Src.As4()[3])
	}
	if want := []byte{0, 2, 3, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("order %v, expected %v", got, want)
	}
	if !first[1].Gone.IsZero() {
		t.Error("a flow that was handed out changed")
	}
}

// TestTableKey: id, zone and original tuple tell flows apart, each of them alone; a zone of the
// original direction counts as one of both.
func TestTableKey(t *testing.T) {
	tab := &Table{}
	like := func(change func(*Flow)) *Flow {
		f := tcp(1, 7)
		change(f)
		return f
	}
	all := []*Flow{
		like(func(*Flow) {}),
		like(func(f *Flow) { f.ID = 8 }), // the next one with these ends, while the first still shows
		like(func(f *Flow) { f.Zone = 3 }),
		like(func(f *Flow) { f.Orig.Zone = 4 }),
		tcp(2, 7),
	}
	for i, f := range all {
		f.Mark = uint32(100 + i)
		tab.Apply(Event{Type: EventNew, Time: at(1), Flow: f})
	}
	for i, f := range all {
		if got := tab.Get(f.Key()); got == nil || got.Mark != f.Mark {
			t.Errorf("%d: %+v is found as %+v", i, f.Key(), got)
		}
	}
	for i, f := range all {
		tab.Apply(Event{Type: EventDestroy, Time: at(2), Flow: f})
		if got := tab.Get(f.Key()); tab.Live() != len(all)-1-i || got == nil || got.Gone.IsZero() {
			t.Errorf("%d destroyed: %d live, it is %+v", i, tab.Live(), got)
		}
	}
}

func TestTableGoneLingers(t *testing.T) {
	tab := &Table{}
	tab.Apply(Event{Type: EventNew, Time: at(1), Flow: tcp(1, 1)})
	tab.Apply(Event{Type: EventDestroy, Time: at(10), Flow: tcp(1, 1)})
	if l := tab.List(); len(l) != 1 || !l[0].Gone.Equal(at(10)) || tab.Live() != 0 {
		t.Fatalf("after the destroy: %+v, %d live", l, tab.Live())
	}
	if n := tab.Expire(at(10).Add(Linger - 1)); n != 0 || len(tab.List()) != 1 {
		t.Fatal("gone too early")
	}
	if n := tab.Expire(at(10).Add(Linger)); n != 1 || len(tab.List()) != 0 {
		t.Fatal("still there")
	}
	tab.Apply(Event{Type: EventNew, Time: at(20), Flow: tcp(1, 1)})
	tab.Apply(Event{Type: EventDestroy, Time: at(30), Flow: tcp(1, 1)})
	if began, went := tab.Turnover(); began != 2 || went != 2 {
		t.Errorf("%d began, %d went", began, went)
	}
	tab.Apply(Event{Type: EventNew, Time: at(30), Flow: tcp(2, 2)})
	if began, went := tab.Turnover(); began != 3 || went != 2 {
		t.Errorf("%d began, %d went", began, went)
	}
	if n := tab.Expire(at(30).Add(1 - Linger)); n != 0 { // a recording of which the clock went back
		t.Error("gone where the clock was set back a little")
	}
	if n := tab.Expire(at(30).Add(-Linger)); n != 1 || tab.Len() != 1 {
		t.Error("still there where the clock was set back by more")
	}
}

// TestExpectations: what is expected now takes the place of what was, and a copy made before
// keeps that.
func TestExpectations(t *testing.T) {
	tab := &Table{}
	for n := range byte(2) {
		tab.Apply(Event{Type: EventNew, Time: at(1), Flow: tcp(n, uint32(n))})
	}
	expects := func(tab *Table) (n [2]int) {
		for i := range n {
			n[i] = len(tab.Get(tcp(byte(i), uint32(i)).Key()).Expects)
		}
		return n
	}
	first, second := Expectation{Master: tcp(0, 0).Orig.Tuple}, Expectation{Master: tcp(1, 1).Orig.Tuple}
	tab.SetExpectations([]Expectation{first, first})
	old := tab.Clone()
	tab.SetExpectations([]Expectation{second})
	if now, before := expects(tab), expects(old); now != [2]int{0, 1} || before != [2]int{2, 0} {
		t.Errorf("%v are expected, before it were %v", now, before)
	}
	zoned, ofOrig := tcp(0, 5), tcp(0, 6) // with the ends of the first
	zoned.Zone, ofOrig.Orig.Zone = 7, 8
	for _, f := range []*Flow{zoned, ofOrig} {
		tab.Apply(Event{Type: EventNew, Time: at(1), Flow: f})
	}
	in := func(zone uint16, known bool) Expectation {
		return Expectation{Master: first.Master, Zone: zone, ZoneKnown: known}
	}
	for _, c := range []struct {
		expected []Expectation
		want     [3]int
	}{
		{[]Expectation{in(0, true)}, [3]int{1, 0, 0}},
		{[]Expectation{in(7, true), in(8, true), in(8, true), in(9, true)}, [3]int{0, 1, 2}},
		{[]Expectation{in(0, false), in(7, true)}, [3]int{1, 2, 1}},
	} {
		tab.SetExpectations(c.expected)
		if got := [3]int{len(tab.Get(tcp(0, 0).Key()).Expects), len(tab.Get(zoned.Key()).Expects), len(tab.Get(ofOrig.Key()).Expects)}; got != c.want {
			t.Errorf("%+v: %v at the three of zones 0, 7, 8, expected %v", c.expected, got, c.want)
		}
	}
}

func TestTableIncompleteDumpRemovesNothing(t *testing.T) {
	tab := &Table{}
	tab.Apply(Event{Type: EventNew, Flow: tcp(1, 1)})
	tab.Apply(Event{Type: EventDumpBegin})
	tab.Apply(Event{Type: EventDump, Flow: tcp(2, 2)})
	tab.Apply(Event{Type: EventDumpEnd, Flows: 3, Time: at(1)})
	if tab.Live() != 2 {
		t.Fatalf("%d live, expected 2: the dump lost two flows on its way", tab.Live())
	}
	tab.Apply(Event{Type: EventDumpEnd, Time: at(1)}) // an end without a beginning
	if tab.Live() != 2 {
		t.Fatal("an end without a beginning removed flows")
	}
}

func TestTableJoinsWhatEventsLeaveOut(t *testing.T) {
	tab := &Table{}
	full := tcp(1, 1)
	full.State, full.Helper, full.Labels, full.Start, full.Timeout = "ESTABLISHED", "ftp", []byte{1}, at(5), time.Minute
	full.Orig.Count = model.Counters{Packets: 3, Bytes: 180, Valid: true}
	tab.Apply(Event{Type: EventDump, Flow: full})
	bare := tcp(1, 1)
	bare.Mark = 9
	tab.Apply(Event{Type: EventUpdate, Flow: bare})
	f := tab.Get(full.Key())
	if f.Mark != 9 || f.State != "ESTABLISHED" || f.Helper != "ftp" || len(f.Labels) != 1 || !f.Start.Equal(at(5)) ||
		f.Orig.Count.Packets != 3 || f.Timeout != time.Minute {
		t.Errorf("%+v", f)
	}
	bare.Labels = []byte{2}
	tab.Apply(Event{Type: EventUpdate, Flow: bare})
	if f := tab.Get(full.Key()); f.Helper != "ftp" || !slices.Equal(f.Labels, []byte{2}) {
		t.Errorf("helper %q, labels %v: expected the old helper and the new label", f.Helper, f.Labels)
	}
}

// TestTableStates: the state is the last that was told, one without a number here too; what does
// not tell it leaves it alone.
func TestTableStates(t *testing.T) {
	like := func(typ EventType, state, helper string) Event {
		f := tcp(1, 1)
		f.State, f.Helper = state, helper
		return Event{Type: typ, Time: at(1), Flow: f}
	}
	begin := Event{Type: EventDumpBegin}
	for _, c := range []struct {
		name, want string
		events     []Event
	}{
		{"a number that is not known", "STATE-99", []Event{like(EventNew, "STATE-99", "")}},
		{"another", "STATE-98", []Event{like(EventNew, "STATE-99", ""), like(EventUpdate, "STATE-98", "")}},
		{"then one that is known", "ESTABLISHED", []Event{like(EventNew, "STATE-99", ""), like(EventUpdate, "ESTABLISHED", "")}},
		{"one that is known, and more", "ESTABLISHED", []Event{like(EventNew, "STATE-99", ""), like(EventUpdate, "ESTABLISHED", "ftp")}},
		{"then nothing", "STATE-99", []Event{like(EventNew, "STATE-99", ""), like(EventUpdate, "", "")}},
		{"then something else", "STATE-99", []Event{like(EventNew, "STATE-99", ""), like(EventUpdate, "", "ftp")}},
		{"known, nothing, not known", "STATE-99", []Event{like(EventNew, "CLOSE", "ftp"), like(EventUpdate, "", ""), like(EventUpdate, "STATE-99", "")}},
		{"a dump tells what the event left out", "STATE-99", []Event{begin, like(EventUpdate, "", "ftp"), like(EventDump, "STATE-99", "")}},
		{"a dump is older than the event", "CLOSE", []Event{begin, like(EventUpdate, "CLOSE", "ftp"), like(EventDump, "STATE-99", "")}},
		{"a dump is newer", "CLOSE", []Event{like(EventNew, "STATE-99", "ftp"), begin, like(EventDump, "CLOSE", "ftp")}},
	} {
		tab := &Table{}
		for _, e := range c.events {
			tab.Apply(e)
		}
		f, listed := tab.List()[0], ""
		tab.Each(func(l *Look) bool { listed = l.State; return true })
		if f.State != c.want || listed != c.want {
			t.Errorf("%s: %q, in lists %q, expected %q", c.name, f.State, listed, c.want)
		}
	}
}

func TestTableCompacts(t *testing.T) {
	tab := &Table{}
	for n := range 10000 {
		f := tcp(1, uint32(n))
		tab.Apply(Event{Type: EventNew, Flow: f, Time: at(n)})
		tab.Apply(Event{Type: EventDestroy, Flow: f, Time: at(n)})
		tab.Expire(at(n))
	}
	if tab.slab.used > 200 || len(tab.leaving) > 10 {
		t.Errorf("%d slots are used and %d flows wait to leave", tab.slab.used, len(tab.leaving))
	}
}

func TestTableClassifiesAnew(t *testing.T) {
	tab := &Table{}
	f := tcp(2, 1)
	f.Status = SrcNAT
	f.Reply.Tuple.Dst = netip.MustParseAddr("10.2.0.1")
	tab.Apply(Event{Type: EventNew, Flow: f})
	if c := tab.List()[0].NAT.String(); c != "snat" {
		t.Errorf("class %q, expected snat: nothing says that 10.2.0.1 is local", c)
	}
	tab.SetHost(Host{Local: []netip.Prefix{netip.MustParsePrefix("10.2.0.1/24")}})
	if c := tab.List()[0].NAT.String(); c != "masquerade" {
		t.Errorf("class %q, expected masquerade", c)
	}
}
