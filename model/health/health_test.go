package health

import (
	"math"
	"strings"
	"testing"
	"time"
)

func reading(at int, count int, cpus ...CPU) *Reading {
	return &Reading{Time: time.Unix(int64(at), 0), Count: count, Max: 100, Buckets: 64, CPUs: cpus}
}

func cpu(id uint16, failed uint32) CPU {
	c := CPU{ID: id, Has: 1 << InsertFailed}
	c.Counts[InsertFailed] = failed
	return c
}

// TestWrap: a counter that wraps goes on, and a processor that comes or goes adds nothing.
func TestWrap(t *testing.T) {
	var f Follower
	v := f.Next(reading(0, 1, cpu(0, math.MaxUint32-4), cpu(1, 7)))
	if v.Interval != 0 || v.Rates[InsertFailed] != 0 || v.Ever[InsertFailed] != math.MaxUint32-4+7 {
		t.Errorf("first: %+v", v)
	}
	v = f.Next(reading(2, 1, cpu(0, 5), cpu(1, 7)))
	if v.Rates[InsertFailed] != 5 || v.Total[InsertFailed] != 10 || v.PerCPU[0][InsertFailed] != 5 || v.PerCPU[1][InsertFailed] != 0 {
		t.Errorf("wrapped: rates %v total %v", v.Rates[InsertFailed], v.Total[InsertFailed])
	}
	if v = f.Next(reading(3, 1, cpu(0, 5), cpu(2, 1000))); v.Rates[InsertFailed] != 0 || v.Total[InsertFailed] != 10 {
		t.Errorf("a processor that came: %v %v", v.Rates[InsertFailed], v.Total[InsertFailed])
	}
	if v.Knows(Drop) || !v.Knows(InsertFailed) {
		t.Error("what the kernel tells is not what it told")
	}
	if v = f.Next(reading(3, 1, cpu(0, 9), CPU{ID: 3})); v.Rates[InsertFailed] != 0 || v.Total[InsertFailed] != 14 || !v.Knows(InsertFailed) {
		t.Errorf("no time went by: %v %v", v.Rates[InsertFailed], v.Total[InsertFailed])
	}
}

// TestWarnings: what is wrong is said with the sysctl, the worst first, and only while it
// is so.
func TestWarnings(t *testing.T) {
	var f Follower
	if w := f.Next(reading(0, 10, cpu(0, 3))).Warnings(); len(w) != 0 {
		t.Errorf("healthy: %v", w)
	}
	if w := f.Next(reading(1, 85, cpu(0, 3))).Warnings(); len(w) != 1 || w[0].Bad || !strings.Contains(w[0].Words, "85 %") || !strings.Contains(w[0].Do, "nf_conntrack_max is 100") {
		t.Errorf("filling: %v", w)
	}
	c := cpu(0, 4)
	c.Counts[Drop], c.Has = 12, c.Has|1<<Drop
	w := f.Next(reading(2, 100, c)).Warnings()
	if len(w) != 3 || !w[0].Bad || !strings.Contains(w[0].Words, "drops their packets: 11/s") || !strings.Contains(w[2].Words, "1.0/s") ||
		!w[1].Bad || !strings.Contains(w[1].Words, "when it is full the kernel drops new connections") {
		t.Errorf("full: %v", w)
	}
	if v := f.Next(reading(3, 10, c)); len(v.Warnings()) != 0 {
		t.Errorf("over: %v", v.Warnings())
	}
	for _, c := range []struct {
		kind      Kind
		bad       bool
		words, do string
	}{
		{EarlyDrop, true, "throws out entries to make room", "nf_conntrack_max is 100"},
		{InsertFailed, true, "could not be entered", "pools of NAT ports"},
		{ChainTooLong, true, "a chain of the hash table is too long", "nf_conntrack_buckets is 64"},
		{Error, false, "ICMP errors", ""},
		{Invalid, false, "INVALID", "nf_conntrack_log_invalid"},
	} {
		var f Follower
		f.Next(reading(0, 10, CPU{Has: 1 << c.kind}))
		rose := CPU{Has: 1 << c.kind}
		rose.Counts[c.kind] = 5
		w := f.Next(reading(1, 10, rose)).Warnings()
		if len(w) != 1 || w[0].Bad != c.bad || !strings.Contains(w[0].Words, c.words) || !strings.Contains(w[0].Words, "5.0/s") || !strings.Contains(w[0].Do, c.do) {
			t.Errorf("%s: %+v", c.kind, w)
		}
	}
}
