package journey

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// flood gives about n events of both tracers, as a busy host makes them.
func flood(n int) (*kernel, []Event) {
	k := &kernel{Rand: rand.New(rand.NewPCG(5, 5)), probes: true}
	for k.randomRules(true); len(k.rs.Tables) < 5; k.randomRules(true) {
	}
	var all []Event
	at := began
	for len(all) < n {
		ways := k.ways(200, 0)
		for i := range ways {
			ways[i].packet.Seq = uint32(len(all) + i)
		}
		_, nft, legacy := k.streams(ways, 2)
		for _, e := range merge(k, nft, legacy, 0) {
			at = at.Add(3 * time.Microsecond)
			e.Time = at
			all = append(all, e)
		}
	}
	return k, all
}

func BenchmarkFold(b *testing.B) {
	k, events := flood(200_000)
	f := NewFold(Options{Probes: true})
	f.SetRules(k.index(), began)
	b.ReportAllocs()
	b.ResetTimer()
	n, shift := 0, time.Duration(0)
	for range b.N {
		if n == len(events) {
			n, shift = 0, shift+events[n-1].Time.Sub(began)
		}
		e := events[n]
		e.Time = e.Time.Add(shift)
		n++
		f.Event(&e)
		if n%10_000 == 0 { // the collector ticks thirty times a second
			f.Tick(e.Time)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// TestBounds folds a million events, most of packets that look alike, without a
// tick: neither memory nor time may run away.
func TestBounds(t *testing.T) {
	k, events := flood(20_000)
	f := NewFold(Options{Probes: true})
	f.SetRules(k.index(), began)
	var before, after runtime.MemStats
	start := time.Now()
	for round := range 50 {
		for i := range events {
			e := events[i]
			e.Time = e.Time.Add(time.Duration(round) * time.Second)
			f.Event(&e)
		}
		if round == 5 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if f.open > maxOpen || len(f.done) > f.opt.Keep || len(f.byKey) > f.open || len(f.byID) > f.open || len(f.cut) > maxOpen {
		t.Errorf("%d open, %d done, %d keys, %d ids, %d cut", f.open, len(f.done), len(f.byKey), len(f.byID), len(f.cut))
	}
	t.Logf("%d journeys of a million events in %v", f.Count(), time.Since(start))
}
