package flow_test

import (
	"runtime"
	"testing"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
)

const million = 1_000_000

// BenchmarkMillion is what a million flows cost: to take in, to keep, to order and to find.
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
		})
	}
	b.Run("narrow", func(b *testing.B) {
		want := func(l *flow.Look) bool { return l.Mark == 1 && l.Orig.DPort == 443 }
		for b.Loop() {
			shown = view(flow.Query{By: flow.ByBytes, Down: true, Want: func() func(*flow.Look) bool { return want }})
		}
	})
	shown = view(flow.Query{By: flow.ByClient})
	next := view(flow.Query{By: flow.ByBytes})
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(float64(heap()-before)/million, "B/flow")
	})
	runtime.KeepAlive([]any{t, &f, shown, next})
}

// heap is the memory in use, in bytes, when the garbage is gone.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
