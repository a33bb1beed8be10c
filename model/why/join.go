package why

import (
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// untold finds traced packets of whose end the kernel has not told yet, for drops whose
// packet they may be. A flood has a thousand of both, and is judged twenty times a second.
type untold struct {
	// of has the packets of a tuple, one has those of a tuple and an IP id, 0 for none; each
	// in the order of their time.
	of  map[model.Tuple][]*sight
	one map[numbered][]*sight
}

type numbered struct {
	tuple model.Tuple
	id    uint16
}

func newUntold(list []*sight) *untold {
	u := &untold{of: map[model.Tuple][]*sight{}, one: map[numbered][]*sight{}}
	for _, x := range list {
		if x.drop != nil {
			continue
		}
		t := x.packet.Tuple()
		u.of[t] = append(u.of[t], x)
		n := numbered{t, x.packet.IPID}
		u.one[n] = append(u.one[n], x)
	}
	for _, l := range u.of {
		slices.SortStableFunc(l, byTime)
	}
	for _, l := range u.one {
		slices.SortStableFunc(l, byTime)
	}
	return u
}

func byTime(a, b *sight) int { return a.at.Compare(b.at) }

// take finds the packet that a drop is the end of, the nearest in time of those that can be,
// and gives it the drop.
func (u *untold) take(d *drop.Drop) bool {
	tuples := []model.Tuple{d.Packet.Tuple()}
	if d.Tracked() {
		tuples = append(tuples, d.Orig, d.Reply)
	}
	var best *sight
	for _, t := range tuples {
		lists := [][]*sight{u.of[t]}
		if id := d.Packet.IPID; id != 0 {
			lists = [][]*sight{u.one[numbered{t, id}], u.one[numbered{t, 0}]}
		}
		for _, l := range lists {
			if x := nearest(l, d); x != nil && (best == nil || distance(x, d) < distance(best, d)) {
				best = x
			}
		}
	}
	if best == nil {
		return false
	}
	best.drop = d
	t := best.packet.Tuple()
	n := numbered{t, best.packet.IPID}
	u.of[t], u.one[n] = without(u.of[t], best), without(u.one[n], best)
	return true
}

func distance(x *sight, d *drop.Drop) time.Duration { return d.Time.Sub(x.at).Abs() }

// nearest goes through a list from the drop's time on, to both sides.
func nearest(l []*sight, d *drop.Drop) *sight {
	right, _ := slices.BinarySearchFunc(l, d.Time, func(x *sight, t time.Time) int { return x.at.Compare(t) })
	left := right - 1
	for left >= 0 || right < len(l) {
		i := right
		if right == len(l) || left >= 0 && distance(l[left], d) <= distance(l[right], d) {
			i = left
			left--
		} else {
			right++
		}
		if l[i].journey.Meets(d) {
			return l[i]
		}
	}
	return nil
}

// without takes a packet out of a list.
func without(l []*sight, x *sight) []*sight {
	i, _ := slices.BinarySearchFunc(l, x.at, func(y *sight, t time.Time) int { return y.at.Compare(t) })
	for i < len(l) && l[i] != x {
		i++
	}
	return slices.Delete(l, i, i+1)
}
