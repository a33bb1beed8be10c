package store

import (
	"net/netip"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// TestTurnover: what is new and what ended are told apart, a second; the first look has
// nothing to compare with, and less than a second is none.
func TestTurnover(t *testing.T) {
	tab, began := &flow.Table{}, time.Unix(1000, 0)
	tell := func(what flow.EventType, from, to uint16) {
		for p := from; p < to; p++ {
			tu := model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), SPort: p, Dst: netip.MustParseAddr("10.0.0.2"), DPort: 53}
			f := &flow.Flow{ID: uint32(p), Family: model.FamilyIPv4, Orig: flow.Side{Tuple: tu}, Reply: flow.Side{Tuple: tu.Reverse()}}
			tab.Apply(flow.Event{Type: what, Time: began, Flow: f})
		}
	}
	var r turnover
	tell(flow.EventNew, 1, 4)
	if r.tick(began, tab); r.began != 0 || r.went != 0 {
		t.Errorf("first: %+v", r)
	}
	tell(flow.EventNew, 4, 14)
	tell(flow.EventDestroy, 1, 5)
	if r.tick(began.Add(999*time.Millisecond), tab) {
		t.Errorf("too early: %+v", r)
	}
	if !r.tick(began.Add(2*time.Second), tab) || r.began != 5 || r.went != 2 {
		t.Errorf("10 new, 4 gone in 2 s: %+v", r)
	}
}
