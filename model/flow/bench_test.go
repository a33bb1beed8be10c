package flow

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"nfscope/model"
)

const million = 1_000_000

// gateway fills a Table with n masqueraded connections of a gateway, counted and stamped.
func gateway(n int, v6 bool) *Table {
	t := &Table{}
	r := rand.New(rand.NewPCG(1, 2))
	b := &Batch{}
	now := time.Unix(1_800_000_000, 0)
	t.Apply(Event{Type: EventDumpBegin, Flows: n})
	for i := range n {
		b.Time = now
		fill(b.Add(), r, i, v6, now)
		if len(b.Records) == 128 || i == n-1 {
			t.ApplyBatch(b)
			b.Records = b.Records[:0]
		}
	}
	t.Apply(Event{Type: EventDumpEnd, Time: now, Flows: n})
	return t
}

func fill(x *Record, r *rand.Rand, i int, v6 bool, now time.Time) {
	x.Type, x.Family, x.Proto, x.State, x.ID = EventDump, model.FamilyIPv4, model.ProtoTCP, State(1+r.IntN(9)), r.Uint32()
	x.Status, x.Timeout, x.Mark = SeenReply|Assured|Confirmed|SrcNAT|SrcNATDone, r.Uint32N(432000), r.Uint32N(4)
	x.Counted, x.CountedBack, x.Classified, x.Classes, x.Seen, x.Start = true, true, true, 4, now.UnixNano(), now.UnixNano()-int64(i)
	kind, at := IPv4, 0
	if v6 {
		kind, at = IPv6, 12
		x.Family = model.FamilyIPv6
		x.Orig.Src[0], x.Orig.Dst[0] = 0xfd, 0xfd
	}
	x.Orig.SrcKind, x.Orig.DstKind, x.Reply.SrcKind, x.Reply.DstKind = kind, kind, kind, kind
	binary.BigEndian.PutUint32(x.Orig.Src[at:], 10<<24|uint32(i)/50)
	binary.BigEndian.PutUint32(x.Orig.Dst[at:], 198<<24|r.Uint32N(20000))
	x.Reply.Src, x.Reply.Dst = x.Orig.Dst, x.Orig.Src
	x.Reply.Dst[15], x.Reply.Dst[0] = x.Reply.Dst[15]^1, 203
	x.Orig.SPort, x.Orig.DPort = uint16(r.Uint32()), 443
	x.Reply.SPort, x.Reply.DPort = 443, x.Orig.SPort
	x.Orig.Packets, x.Orig.Bytes, x.Reply.Packets, x.Reply.Bytes = uint64(r.IntN(1000)), uint64(r.IntN(1<<30)), uint64(r.IntN(1000)), uint64(r.IntN(1<<20))
}

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
			gateway(million, v6)
		}
	})
	before := heap()
	t := gateway(million, v6)
	var f Finder
	view := func(q Query) *View {
		f.Begin(t, q)
		for {
			if v := f.Step(); v != nil {
				return v
			}
		}
	}
	var shown *View // the one on the screen, while the next is made
	for c := range Columns {
		b.Run("by-"+c.String(), func(b *testing.B) {
			for b.Loop() {
				shown = view(Query{By: c, Down: c.Amount()})
			}
		})
	}
	b.Run("narrow", func(b *testing.B) {
		want := func(l *Look) bool { return l.Mark == 1 && l.Orig.DPort == 443 }
		for b.Loop() {
			shown = view(Query{By: ByBytes, Down: true, Want: func() func(*Look) bool { return want }})
		}
	})
	shown = view(Query{By: ByClient})
	next := view(Query{By: ByBytes})
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
