package connections

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// The chosen connection stays under the cursor when it is over and the table has let
// go of it; t does not arm for it, nor for the one that took its place.
func TestTraceOfAConnectionThatIsOver(t *testing.T) {
	f := frame(theme.Options{}, 120, 30)
	p := New()
	p.Do(keys.Down, f)
	p.Do(keys.Down, f)
	chosen := p.Selected()
	s := *f.Snap
	s.Version++
	s.Time = s.Time.Add(time.Minute)
	s.Flows.Table = flow.TableOf(slices.DeleteFunc(s.Flows.Table.List(), func(fl *flow.Flow) bool { return fl.Key() == chosen.Key() })...)
	f.Snap = &s
	for range 3 { // it stays, snapshot after snapshot
		s := *f.Snap
		s.Version++
		f.Snap = &s
		p.sync(f)
		if got := p.Selected(); got == nil || got.Key() != chosen.Key() || got.Gone.IsZero() || p.cursor.Index() != 2 {
			t.Fatalf("the cursor went from %v to row %d, %v", chosen, p.cursor.Index(), got)
		}
	}
	r, ok := p.Do(keys.TraceThis, f)().(page.ArmRequest)
	if !ok || !r.Both || !strings.Contains(r.Why, "is over") {
		t.Fatalf("t gives %v", r)
	}
	flt, err := filter.Parse(r.Filter)
	if err != nil || flt.Check(filter.Packets) != nil {
		t.Fatalf("%q: %v", r.Filter, err)
	}
	next := chosen.Orig.Tuple
	next.SPort++
	for _, tp := range []model.Tuple{next, chosen.Reply.Tuple} {
		pk := &model.Packet{Family: chosen.Family, Proto: tp.Proto, Src: tp.Src, Dst: tp.Dst, SPort: tp.SPort, DPort: tp.DPort, Transport: true}
		if flt.Packet(pk, "", "") != filter.Yes {
			t.Errorf("%q does not catch %s", r.Filter, tp)
		}
	}
	if p.Do(keys.Down, f); p.Selected().Key() == chosen.Key() {
		t.Error("the cursor cannot leave it")
	}
	n := p.len()
	s2 := *f.Snap
	s2.Version++
	f.Snap = &s2
	if p.sync(f); p.len() != n-1 {
		t.Error("it stays after the cursor has left it")
	}
}

// Every connection of the test session has a filter for those like it that can be armed.
func TestFilterForConnectionsLikeIt(t *testing.T) {
	for fl := range frame(theme.Options{}, 120, 30).Snap.Flows.Table.All() {
		if flt, err := filter.Parse(like(fl)); err != nil || flt.Check(filter.Packets) != nil {
			t.Errorf("%q: %v", like(fl), err)
		}
	}
}
