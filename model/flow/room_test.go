package flow

import (
	"encoding/binary"
	"testing"

	"nfscope/model"
)

// numbered is the i-th of many connections.
func numbered(typ EventType, i int) (x Record) {
	x = Record{Type: typ, Family: model.FamilyIPv4, Proto: model.ProtoUDP, ID: uint32(i), Mark: uint32(i)}
	binary.BigEndian.PutUint32(x.Orig.Src[:], uint32(i))
	x.Orig.SrcKind, x.Orig.DstKind, x.Orig.DPort = IPv4, IPv4, 53
	x.Reply.Src, x.Reply.Dst, x.Reply.SrcKind, x.Reply.DstKind, x.Reply.SPort = x.Orig.Dst, x.Orig.Src, IPv4, IPv4, 53
	return x
}

// TestMemoryAfterStorm: what a storm took behind connections that stay is given back when it
// is over, and taken again with the next one; those that stay are found all the while, and a
// list of before has nothing where a connection left.
func TestMemoryAfterStorm(t *testing.T) {
	t.Parallel()
	const stay, storm = 20_000, 100_000
	tab := &Table{}
	all := func(typ EventType, from, to, second int) {
		b := Batch{Time: at(second)}
		for i := from; i < to; i++ {
			*b.Add() = numbered(typ, i)
		}
		tab.ApplyBatch(&b)
	}
	check := func(when string, there, memory int) {
		t.Helper()
		for i := 1; i < there; i += 37 {
			x := numbered(EventNew, i)
			b := Batch{Records: []Record{x}}
			if f := tab.Get(b.Event(0).Flow.Key()); f == nil || f.Mark != uint32(i) {
				t.Fatalf("%s: %d is %+v", when, i, f)
			}
		}
		have := 0
		for _, c := range tab.slab.chunks {
			if c != tab.slab.room.none {
				have++
			}
		}
		if tab.Len() != there || have > memory/chunkSize+2 {
			t.Errorf("%s: %d flows, memory for %d", when, tab.Len(), have*chunkSize)
		}
		seen := 0
		tab.Each(func(*Look) bool { seen++; return true })
		if v := tab.ViewOf(Query{By: ByClient}); seen != there || v.Len() != there || tab.Rows(v, there-1, there)[0].Mark != uint32(there-1) {
			t.Errorf("%s: %d are seen, %d listed", when, seen, v.Len())
		}
		if c := tab.Clone(); c.Len() != there || c.ByID(uint32(there/2)) == nil {
			t.Errorf("%s: a copy has not all", when)
		}
	}
	all(EventNew, 0, stay, 0)
	for round := range 3 {
		all(EventNew, stay, stay+storm, 10*round+1)
		check("in a storm", stay+storm, stay+storm)
		v := tab.ViewOf(Query{By: ByAge})
		all(EventDestroy, stay, stay+storm, 10*round+2)
		tab.Expire(at(10*round + 2).Add(Linger))
		check("after a storm", stay, stay)
		if l := tab.Rows(v, 0, v.Len()); l[0] == nil || l[stay+storm/2] != nil {
			t.Errorf("the old list begins with %v and has %v of the storm", l[0], l[stay+storm/2])
		}
	}
}

// TestMemoryOfScattered: where connections stay all over what a storm took, they move together,
// and the rest is given back; what is gone among them leaves when it should.
func TestMemoryOfScattered(t *testing.T) {
	t.Parallel()
	const storm, every = 70_000, 100
	tab := &Table{}
	all := func(typ EventType, second int, which func(i int) bool) {
		b := Batch{Time: at(second)}
		for i := range storm {
			if which(i) {
				*b.Add() = numbered(typ, i)
			}
		}
		tab.ApplyBatch(&b)
	}
	all(EventNew, 0, func(int) bool { return true })
	all(EventDestroy, 1, func(i int) bool { return i%every != 0 })
	over := func(i int) bool { return i%(2*every) == 0 }
	all(EventDestroy, 3, over)
	all(EventNew, 3, func(i int) bool { return i == 20*every }) // one begins again
	heads := len(tab.slab.origs)
	tab.Expire(at(1).Add(Linger))
	if tab.Len() != storm/every || tab.slab.used > 2*storm/every || len(tab.slab.origs) > heads/8 {
		t.Errorf("%d flows in %d slots, %d heads of %d", tab.Len(), tab.slab.used, len(tab.slab.origs), heads)
	}
	for i := 0; i < storm; i += every {
		if f := tab.ByID(uint32(i)); f == nil || f.Mark != uint32(i) || f.Gone.IsZero() == (over(i) && i != 20*every) {
			t.Fatalf("%d is %+v", i, f)
		}
	}
	if n := tab.Expire(at(3).Add(Linger)); n != storm/every/2-1 || tab.Len() != storm/every/2+1 {
		t.Errorf("%d left, %d stay", n, tab.Len())
	}
}
