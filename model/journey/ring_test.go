package journey

import (
	"bytes"
	"encoding/json"
	"runtime"
	"testing"
	"time"
)

// fill folds a flood and looks at the journeys after every so many events.
func fill(f *Fold, events []Event, look int) {
	for i := range events {
		e := events[i]
		f.Event(&e)
		if i%500 == 0 {
			f.Tick(e.Time)
		}
		if look > 0 && i%look == 0 {
			f.Journeys()
		}
	}
	f.Flush()
}

// TestDrawnLate: a journey that is drawn when it is looked at, and from memory that others
// used before, is the one that would have been drawn when it was closed.
func TestDrawnLate(t *testing.T) {
	t.Parallel()
	k, events := flood(6000)
	var want []byte
	for _, look := range []int{1, 77, 0} {
		f := NewFold(Options{Probes: true, Keep: 1 << 16})
		f.SetRules(k.index(), began)
		fill(f, events, look)
		got, err := json.Marshal(f.Journeys())
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("looked at after every %d events they are others", look)
		}
	}
}

// TestClosedOnce: every journey is handed over once when it is closed, however few are kept.
func TestClosedOnce(t *testing.T) {
	t.Parallel()
	k, events := flood(20_000)
	all := NewFold(Options{Probes: true, Keep: 1 << 16})
	all.SetRules(k.index(), began)
	fill(all, events, 0)
	told := map[int]*Journey{}
	f := NewFold(Options{Probes: true, Keep: 10, Closed: func(j *Journey) {
		if told[j.Number] != nil || !j.Closed {
			t.Errorf("journey %d, closed %v, is told again", j.Number, j.Closed)
		}
		told[j.Number] = j
	}})
	f.SetRules(k.index(), began)
	fill(f, events, 100)
	if len(told) != len(all.Journeys()) || len(f.Journeys()) > 10 {
		t.Fatalf("%d were told and %d kept of %d", len(told), len(f.Journeys()), len(all.Journeys()))
	}
	for _, j := range all.Journeys() {
		a, err := json.Marshal(j)
		b, err2 := json.Marshal(told[j.Number])
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Fatalf("told as\n%s, kept as\n%s", b, a)
		}
	}
}

// TestStepsBound: packets that meet thousands of rules leave the ring before there are as
// many of them as may be kept, and are counted; what is under way is bounded too.
func TestStepsBound(t *testing.T) {
	t.Parallel()
	k, events := flood(40_000)
	f := NewFold(Options{Probes: true, Steps: 1000, Quiet: time.Hour})
	f.SetRules(k.index(), began)
	fill(f, events, 0)
	steps := 0
	for _, j := range f.Journeys() {
		steps += len(j.Steps)
	}
	if n := len(f.Journeys()); steps > 1000 || steps < 500 || f.steps != steps || f.openSteps != 0 || int(f.Forgotten())+n != f.Count() {
		t.Errorf("%d steps (%d noted, %d under way) in %d journeys, %d forgotten, of %d", steps, f.steps, f.openSteps, n, f.Forgotten(), f.Count())
	}
	most := 0
	for round := range 5 { // nothing closes by itself
		for i := range events {
			e := events[i]
			e.Time = e.Time.Add(time.Duration(round) * time.Second)
			e.ID += uint32(round) << 20
			f.Event(&e)
			most = max(most, f.openSteps)
		}
	}
	if most > maxOpenSteps+1000 {
		t.Errorf("%d steps were under way", most)
	}
}

// TestNoGarbage: once as many packets have come as may be kept, a flood that nobody looks
// at asks for next to no memory.
func TestNoGarbage(t *testing.T) {
	k, events := flood(20_000)
	f := NewFold(Options{Probes: true, Keep: 500})
	f.SetRules(k.index(), began)
	turn := func() {
		for i := range events {
			e := &events[i]
			e.Time = e.Time.Add(time.Second)
			f.Event(e)
			if i%1000 == 0 {
				f.Tick(e.Time)
			}
		}
	}
	turn()
	turn()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	turn()
	runtime.ReadMemStats(&after)
	n := float64(len(events))
	bytes, count := float64(after.TotalAlloc-before.TotalAlloc)/n, float64(after.Mallocs-before.Mallocs)/n
	t.Logf("%.1f bytes and %.2f allocations an event", bytes, count)
	if bytes > 100 || count > 0.6 {
		t.Errorf("%.1f bytes and %.2f allocations an event", bytes, count)
	}
}
