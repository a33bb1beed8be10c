// Package health is how conntrack itself is doing: how full its table is, and what its
// statistics say of packets that it could not place.
package health

import (
	"time"
)

// Kind is one of conntrack's statistics.
type Kind uint8

// The statistics, as conntrack -S names them (enum ctattr_stats_cpu,
// include/uapi/linux/netfilter/nfnetlink_conntrack.h). Those that the kernel has given up
// (searched, new, ignore, delete, delete_list) are left out.
const (
	Found Kind = iota
	Invalid
	Insert
	InsertFailed
	Drop
	EarlyDrop
	Error
	SearchRestart
	ClashResolve
	ChainTooLong
	Kinds // how many there are
)

var kindNames = [Kinds]string{"found", "invalid", "insert", "insert_failed", "drop", "early_drop", "error", "search_restart", "clash_resolve", "chaintoolong"}

// String is the name that conntrack -S uses.
func (k Kind) String() string {
	if k < Kinds {
		return kindNames[k]
	}
	return ""
}

// CPU are the statistics of one processor: 32 bits each in the kernel, so that they wrap.
type CPU struct {
	ID uint16
	// Has has a bit for every Kind that the kernel told; Counts is 0 for the others.
	Has    uint16
	Counts [Kinds]uint32
}

// Reading is what was read at one moment.
type Reading struct {
	Time time.Time
	// Count and Max are nf_conntrack_count and nf_conntrack_max, Buckets the hash table's
	// size; Expected and MaxExpected those of expectations. -1 is not known; a Max of 0 is
	// no limit.
	Count, Max, Buckets, Expected, MaxExpected int
	// Shared says that the maximum is the whole system's, and cannot be set in this
	// namespace.
	Shared bool
	CPUs   []CPU
}

// View is a Reading with what became of the statistics since the one before.
type View struct {
	Reading
	// Since is when the first Reading was made, Interval the time between the last two;
	// 0 for the first.
	Since    time.Time
	Interval time.Duration
	// Has has a bit for every Kind that any CPU told.
	Has uint16
	// Rates are counts a second over the last interval, of all CPUs; Total what was counted
	// since Since; Ever is the sum of the kernel's counters, which have wrapped where
	// more than 2^32 were counted on one CPU since the system was started.
	Rates       [Kinds]float64
	Total, Ever [Kinds]uint64
	// PerCPU are the rates of each CPU, in the order of Reading.CPUs.
	PerCPU [][Kinds]float64
}

// Follower makes Views of Readings. The zero value is ready.
type Follower struct{ last *View }

// Next takes a newer Reading. What it gives never changes.
func (f *Follower) Next(r *Reading) *View {
	v := &View{Reading: *r, Since: r.Time, PerCPU: make([][Kinds]float64, len(r.CPUs))}
	old := map[uint16]*CPU{}
	if f.last != nil {
		v.Since, v.Interval, v.Total = f.last.Since, r.Time.Sub(f.last.Time), f.last.Total
		for i := range f.last.CPUs {
			old[f.last.CPUs[i].ID] = &f.last.CPUs[i]
		}
	}
	seconds := v.Interval.Seconds()
	for i := range r.CPUs {
		c := &r.CPUs[i]
		v.Has |= c.Has
		before := old[c.ID]
		for k := range Kinds {
			v.Ever[k] += uint64(c.Counts[k])
			if before == nil { // the first reading, or a CPU that came
				continue
			}
			n := c.Counts[k] - before.Counts[k] // right also where it wrapped
			v.Total[k] += uint64(n)
			if seconds > 0 {
				v.PerCPU[i][k] = float64(n) / seconds
				v.Rates[k] += float64(n) / seconds
			}
		}
	}
	f.last = v
	return v
}

// Full is how full the table is, from 0 to 1 and above; 0 where it is not known or has no
// limit.
func (r *Reading) Full() float64 {
	if r.Max <= 0 || r.Count < 0 {
		return 0
	}
	return float64(r.Count) / float64(r.Max)
}

// Knows reports whether the kernel tells of a statistic.
func (v *View) Knows(k Kind) bool { return v.Has&(1<<k) != 0 }
