package flow

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// someFlow is one of n flows of both families, with what a form may change.
func someFlow(r *rand.Rand, n int) *Flow {
	i := r.IntN(n)
	a := [16]byte{15: byte(i), 14: byte(i >> 8), 0: 0xfd}
	o := model.Tuple{Proto: model.ProtoTCP, Src: netip.AddrFrom16(a), Dst: netip.MustParseAddr("fd00::2"), SPort: uint16(i), DPort: 80}
	if i%2 == 0 {
		o.Src, o.Dst = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), netip.MustParseAddr("10.9.9.9")
	}
	f := &Flow{ID: uint32(i % (n/2 + 1)), Family: model.FamilyIPv4, Zone: uint16(i % 3), Orig: Side{Tuple: o}, Reply: Side{Tuple: o.Reverse()},
		State: []string{"SYN_SENT", "ESTABLISHED", "STATE-99", "CLOSE"}[r.IntN(4)], Status: Status(r.IntN(1 << 10)), Mark: r.Uint32(),
		Timeout: time.Duration(r.IntN(1000)) * time.Second, Rate: -1}
	if o.Src.Is6() {
		f.Family = model.FamilyIPv6
	}
	if r.IntN(2) == 0 { // another NAT
		f.Reply.Tuple.Dst, f.Reply.Tuple.DPort = o.Dst, uint16(r.IntN(1000))
	}
	if r.IntN(3) == 0 {
		rareFields(r, f, at(9))
		f.Expects, f.TimeoutMax, f.Rate = nil, 0, -1
	}
	if r.IntN(3) == 0 {
		f.Helper, f.Labels = "ftp", []byte{byte(i)}
	}
	return f
}

// TestTableKeepsEverything: after any number of dumps of flows of both families, with all
// that a flow may have, the Table holds what the last dump had, finds each by its key, its
// number and its tuples, and orders them by every column as their words do.
func TestTableKeepsEverything(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{3, 40, 3000} {
		tab := &Table{}
		for round := range 6 {
			want := map[Key]*Flow{}
			for range r.IntN(n) {
				f := someFlow(r, n)
				want[f.Key()] = f
			}
			tab.Apply(Event{Type: EventDumpBegin})
			for _, f := range want {
				tab.Apply(Event{Type: EventDump, Time: at(round), Flow: f})
			}
			tab.Apply(Event{Type: EventDumpEnd, Time: at(round), Flows: len(want)})
			tab.Expire(at(round).Add(Linger))
			if tab.Live() != len(want) || tab.Len() != len(want) {
				t.Fatalf("%d flows, %d live, want %d", tab.Len(), tab.Live(), len(want))
			}
			for k, f := range want {
				holds(t, tab, k, f)
			}
			for c := range Columns {
				ordered(t, tab, c)
			}
			if c := tab.Clone(); !reflect.DeepEqual(c.List(), tab.List()) {
				t.Fatal("a clone is another")
			}
		}
		for round := range 3 { // nothing is left of what is gone
			tab.Apply(Event{Type: EventDumpBegin})
			tab.Apply(Event{Type: EventDumpEnd, Time: at(100 + round)})
			tab.Expire(at(100 + round).Add(Linger))
		}
		if tab.Len() != 0 || len(tab.noted.places) != 0 || tab.slab.addrs.n != 0 {
			t.Errorf("%d flows, %d notes and %d addresses are left", tab.Len(), len(tab.noted.places), tab.slab.addrs.n)
		}
	}
}

func holds(t *testing.T, tab *Table, k Key, want *Flow) {
	t.Helper()
	w := *want
	w.NAT = Classify(&w, Host{})
	got := tab.Get(k)
	if got == nil {
		t.Fatalf("%v is not found", k)
	}
	g := *got
	g.Stop, w.Stop = g.Stop.UTC(), w.Stop.UTC()
	g.Orig.Count, g.Reply.Count = w.Orig.Count, w.Reply.Count
	if !reflect.DeepEqual(g, w) {
		t.Fatalf("kept\n%+v, was\n%+v", g, w)
	}
	if f := tab.ByTuple(want.Orig.Tuple); f == nil || f.Orig.Tuple != want.Orig.Tuple && f.Reply.Tuple != want.Orig.Tuple {
		t.Fatalf("by its tuple %v: %v", want.Orig.Tuple, f)
	}
	if f := tab.ByTuple(want.Reply.Tuple); f == nil {
		t.Fatalf("not by its reply's tuple %v", want.Reply.Tuple)
	}
	if f := tab.ByID(want.ID); f == nil || f.ID != want.ID {
		t.Fatalf("by number %d: %v", want.ID, f)
	}
}

// ordered holds a View against the words or numbers of its flows.
func ordered(t *testing.T, tab *Table, c Column) {
	t.Helper()
	compare := map[Column]func(a, b *Flow) int{
		ByClient: func(a, b *Flow) int {
			return 2*a.Orig.Tuple.Src.Compare(b.Orig.Tuple.Src) + int(min(1, max(-1, int(a.Orig.Tuple.SPort)-int(b.Orig.Tuple.SPort))))
		},
		ByService: func(a, b *Flow) int { return a.Orig.Tuple.Dst.Compare(b.Orig.Tuple.Dst) },
		ByBackend: func(a, b *Flow) int { return a.Reply.Tuple.Src.Compare(b.Reply.Tuple.Src) },
		ByNAT:     func(a, b *Flow) int { return strings.Compare(a.NAT.String(), b.NAT.String()) },
		ByTimeout: func(a, b *Flow) int { return int(a.Timeout - b.Timeout) },
		ByMark:    func(a, b *Flow) int { return int(int64(a.Mark) - int64(b.Mark)) },
		ByZone:    func(a, b *Flow) int { return int(a.Zone) - int(b.Zone) },
	}[c]
	for _, down := range []bool{false, true} {
		v := tab.ViewOf(Query{By: c, Down: down})
		l := tab.Rows(v, 0, v.Len())
		if v.Len() != tab.Len() || slices.Contains(l, nil) {
			t.Fatalf("by %v: %d rows of %d", c, v.Len(), tab.Len())
		}
		if down {
			slices.Reverse(l)
		}
		for i := 1; compare != nil && i < len(l); i++ {
			if compare(l[i-1], l[i]) > 0 {
				t.Fatalf("by %v: %s before %s", c, fmt.Sprintf("%+v", l[i-1]), fmt.Sprintf("%+v", l[i]))
			}
		}
	}
}
