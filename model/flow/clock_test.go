package flow

import (
	"testing"
	"time"
	"unsafe"

	"nfscope/model"
)

// set is a time as a live session has it after its clock was set by so many seconds: the
// wall's is another, the monotonic reading is not (time.Time, wall and ext).
func set(t *testing.T, at time.Time, seconds int) time.Time {
	t.Helper()
	was := at
	(*[2]uint64)(unsafe.Pointer(&at))[0] += uint64(seconds) << 30
	if at.Sub(was) != 0 || at.Unix()-was.Unix() != int64(seconds) {
		t.Fatalf("%v is no time whose wall clock was set: another Go?", at)
	}
	return at
}

// TestClockIsSet: rates, and how long what is gone stays, are those of the time that went
// by, wherever the clock was set meanwhile.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	var tab Table
	f := &Flow{ID: 1, Family: model.FamilyIPv4, Orig: Side{Tuple: ends(model.ProtoUDP, "10.0.0.1:1", "10.0.0.2:2")}, Reply: Side{Tuple: ends(model.ProtoUDP, "10.0.0.2:2", "10.0.0.1:1")}}
	const day = 24 * 3600
	for i, step := range []int{0, 0, -day, day, 30 * 365 * day} {
		at := set(t, begin.Add(time.Duration(i)*4*time.Second), step)
		x := *f
		x.Seen, x.Orig.Count = at, model.Counters{Packets: uint64(i), Bytes: 4000 * uint64(i), Valid: true}
		tab.Apply(Event{Type: EventDumpBegin, Time: at})
		tab.Apply(Event{Type: EventDump, Time: at, Flow: &x})
		tab.Apply(Event{Type: EventDumpEnd, Time: at, Flows: 1})
		if got := tab.Get(f.Key()); i > 0 && got.Rate != 1000 || !got.Gone.IsZero() {
			t.Errorf("reading %d: %v bytes a second, gone %v", i, got.Rate, got.Gone)
		}
	}
	end := begin.Add(20 * time.Second)
	tab.Apply(Event{Type: EventDestroy, Time: end, Flow: f})
	for _, c := range []struct {
		after time.Duration
		step  int
		left  int
	}{{0, -day, 0}, {Linger - time.Millisecond, day, 0}, {Linger - time.Millisecond, -day, 0}, {Linger, -day, 1}} {
		if n := tab.Expire(set(t, end.Add(c.after), c.step)); n != c.left {
			t.Errorf("%v after its end, the clock set by %d s: %d left", c.after, c.step, n)
		}
	}
}
