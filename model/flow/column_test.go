package flow

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"nfscope/model"
)

// TestColumns: amounts are those of both directions, and no column has the order of another.
func TestColumns(t *testing.T) {
	tab, began := &Table{}, time.Unix(1000, 0)
	for second, counts := range [][4][4]uint64{
		{{1, 10, 9, 900}, {1, 500, 3, 100}, {6, 100, 20, 1000}, {1, 5, 0, 0}},
		{{2, 20, 9, 900}, {2, 530, 3, 100}, {7, 120, 20, 1000}, {1, 5, 30, 40}},
	} {
		for i, n := range counts {
			tu := model.Tuple{Proto: []model.Proto{model.ProtoUDP, model.ProtoTCP, model.ProtoICMP, model.ProtoSCTP}[i], Src: netip.MustParseAddr("10.0.0.1"), SPort: 7,
				Dst: netip.MustParseAddr("10.0.0.2"), DPort: 8}
			now := began.Add(time.Duration(second) * time.Second)
			f := &Flow{ID: uint32(i + 1), Family: model.FamilyIPv4, Seen: now, Rate: -1, State: []string{"", "ESTABLISHED", "", "COOKIE_WAIT"}[i], Status: []Status{0, 0, Assured, 0}[i],
				Orig:  Side{Tuple: tu, Count: model.Counters{Packets: n[0], Bytes: n[1], Valid: true}},
				Reply: Side{Tuple: tu.Reverse(), Count: model.Counters{Packets: n[2], Bytes: n[3], Valid: true}}}
			tab.Apply(Event{Type: EventDump, Time: now, Flow: f})
		}
	}
	for c, want := range map[Column][]uint32{ByAge: {1, 2, 3, 4}, ByProto: {3, 2, 1, 4}, ByRate: {1, 3, 2, 4}, ByBytes: {4, 2, 1, 3}, ByPackets: {2, 1, 3, 4}, ByState: {3, 4, 2, 1}} {
		var got []uint32
		v := tab.ViewOf(Query{By: c})
		for _, f := range tab.Rows(v, 0, v.Len()) {
			got = append(got, f.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %v: %v, expected %v", c, got, want)
		}
	}
}
