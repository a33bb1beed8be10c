package flow_test

import (
	"runtime"
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
)

const million = 1_000_000

// BenchmarkMillion is what a million flows cost: to take in, to keep, to order and to find.
// 250 bytes are allowed of each, with the view on the screen, the one that is made, all found
// by a filter, and groups; 150 ms to order or find them.
func BenchmarkMillion(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		name := "v4"
		if v6 {
			name = "v6"
		}
		b.Run(name, func(b *testing.B) { benchMillion(b, v6) })
	}
}

func benchMillion(b *testing.B, v6 bool) {
	b.Run("fill", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			flowtest.Gateway(million, v6)
		}
	})
	before := heap()
	t := flowtest.Gateway(million, v6)
	var f flow.Finder
	view := func(q flow.Query) *flow.View {
		f.Begin(t, q)
		for {
			if v := f.Step(); v != nil {
				return v
			}
		}
	}
	var shown *flow.View // the one on the screen, while the next is made
	for c := range flow.Columns {
		b.Run("by-"+c.String(), func(b *testing.B) {
			for b.Loop() {
				shown = view(flow.Query{By: c, Down: c.Amount()})
			}
			inTime(b)
		})
	}
	b.Run("narrow", func(b *testing.B) {
		want := func(l *flow.Look) bool { return l.Mark == 1 && l.Orig.DPort == 443 }
		for b.Loop() {
			shown = view(flow.Query{By: flow.ByBytes, Down: true, Want: func() func(*flow.Look) bool { return want }})
		}
		inTime(b)
	})
	shown = view(flow.Query{By: flow.ByClient})
	next := view(flow.Query{By: flow.ByBytes, Want: func() func(*flow.Look) bool { return func(*flow.Look) bool { return true } }})
	groups, _ := t.Top(flow.OfService, nil, 1<<15)
	b.Run("memory", func(b *testing.B) {
		each := 0.0
		for b.Loop() {
			each = float64(heap()-before) / million
		}
		if b.ReportMetric(each, "B/flow"); each > 250 {
			b.Errorf("a connection takes %.0f bytes", each)
		}
	})
	runtime.KeepAlive([]any{t, &f, shown, next, groups})
}

// inTime holds a view against what it may take.
func inTime(b *testing.B) {
	b.Helper()
	if each := b.Elapsed() / time.Duration(b.N); each > 150*time.Millisecond {
		b.Errorf("it took %v", each)
	}
}

// heap is the memory in use, in bytes, when the garbage is gone.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
