package flow_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
)

// TestTableGrows: while a long Table makes room for twice as many, a few chains at a time,
// every flow is found by all that it is known by, changed and taken away as ever; and when
// most are gone and their memory is given back too.
func TestTableGrows(t *testing.T) {
	t.Parallel()
	const first, n = 3 << 15, 115_000 // 1<<16 heads are enough for the first
	tab := flowtest.Gateway(first-200, true)
	r, now := rand.New(rand.NewPCG(8, 9)), time.Unix(1_800_000_100, 0)
	var l []flow.Record
	holds := func(x *flow.Record, there bool) {
		t.Helper()
		b := flow.Batch{Records: []flow.Record{*x}}
		want := b.Event(0).Flow
		f := tab.Get(want.Key())
		if (f != nil) != there {
			t.Fatalf("with %d flows, %v: %v", tab.Len(), want.Orig.Tuple, f)
		}
		if there && (f.Mark != want.Mark || tab.ByTuple(want.Orig.Tuple) == nil || tab.ByTuple(want.Reply.Tuple) == nil || tab.ByID(want.ID) == nil) {
			t.Fatalf("with %d flows %v is not found by all it has: %+v", tab.Len(), want.Orig.Tuple, f)
		}
	}
	for i := first; i < n; i += 100 {
		b := flow.Batch{Time: now}
		for k := range 100 {
			x := flowtest.Connection(r, i+k, true, now)
			x.Type = flow.EventNew
			*b.Add() = x
			l = append(l, x)
		}
		for range 10 { // some are others by now
			x := &l[r.IntN(len(l))]
			x.Mark, x.Type = x.Mark+8, flow.EventUpdate
			*b.Add() = *x
		}
		tab.ApplyBatch(&b)
		for range 20 {
			holds(&l[r.IntN(len(l))], true)
		}
	}
	if tab.Live() != first-200+len(l) {
		t.Errorf("%d flows, want %d", tab.Live(), first-200+len(l))
	}
	tab.Apply(flow.Event{Type: flow.EventDumpBegin})
	b := flow.Batch{Time: now}
	for _, x := range l[:300] {
		x.Type = flow.EventDump
		*b.Add() = x
	}
	tab.ApplyBatch(&b)
	tab.Apply(flow.Event{Type: flow.EventDumpEnd, Time: now, Flows: 300})
	over, told := make(chan struct{}), make(chan struct{})
	go func() { // as who follows the host's addresses does; the race detector looks on
		defer close(told)
		for {
			select {
			case <-over:
				return
			default:
				tab.SetHost(flow.Host{})
			}
		}
	}()
	tab.Expire(now.Add(flow.Linger))
	close(over)
	<-told
	if tab.Len() != 300 || tab.Live() != 300 {
		t.Fatalf("%d flows are left, %d live", tab.Len(), tab.Live())
	}
	for i := range l {
		holds(&l[i], i < 300)
	}
}
