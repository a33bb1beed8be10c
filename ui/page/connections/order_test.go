package connections

import (
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/ui/theme"
)

// TestGroupOrder: each column of groups has its own order, and no other column one of theirs.
func TestGroupOrder(t *testing.T) {
	group := func(mark uint32, flows int, rate float64, packets, bytes uint64) *flow.Group {
		return &flow.Group{Key: flow.GroupKey{Kind: flow.OfMark, N: mark}, Flows: flows, Rate: rate, Sent: model.Counters{Packets: packets, Bytes: 1}, Back: model.Counters{Bytes: bytes}}
	}
	a, b := group(1, 5, 7, 9, 10), group(2, 5, 7, 9, 10)
	for by := range flow.Columns {
		for _, down := range []bool{false, true} {
			if c := groupOrder(by, down)(a, b); c >= 0 && !(by == flow.ByClient && down) {
				t.Errorf("by %s, down %v: equal groups are not in the order of their names: %d", by, down, c)
			}
		}
	}
	for by, more := range map[flow.Column]*flow.Group{flow.ByAge: group(0, 6, 7, 9, 10), flow.ByRate: group(0, 5, 8, 9, 10), flow.ByPackets: group(0, 5, 7, 10, 10), flow.ByBytes: group(0, 5, 7, 9, 11)} {
		for _, c := range groupColumns {
			up, down := groupOrder(c, false)(more, a), groupOrder(c, true)(more, a)
			if c == by && (up <= 0 || down >= 0) || c != by && up >= 0 {
				t.Errorf("more by %s, ordered by %s: %d, down %d", by, c, up, down)
			}
		}
	}
}

// TestTurnoverIsShown: new and gone connections a second stand in the title, in this order.
func TestTurnoverIsShown(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	s := *f.Snap
	s.Flows.Began, s.Flows.Went = 12, 34
	f.Snap = &s
	if got := text(New(), f); !strings.Contains(got, "+12/s -34/s") {
		t.Errorf("%s", got)
	}
}

// TestShortListIsNew: a short list is made anew with each snapshot, without a wait.
func TestShortListIsNew(t *testing.T) {
	f, p := frame(theme.Options{}, 160, 40), New()
	p.sync(f)
	n := p.len()
	s := *f.Snap
	s.Version++
	f.Snap = &s
	s.Flows.Table.Apply(flow.Event{Type: flow.EventNew, Time: f.Now, Flow: &flow.Flow{ID: 1 << 30, Family: model.FamilyIPv4,
		Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"), SPort: 1, DPort: 2}}}})
	if p.sync(f); p.len() != n+1 {
		t.Errorf("%d connections are listed of %d", p.len(), n+1)
	}
}
