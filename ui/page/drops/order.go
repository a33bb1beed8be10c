package drops

import (
	"cmp"
	"slices"

	"nfscope/model/drop"
	"nfscope/ui/component/ladder"
	"nfscope/ui/page"
)

// column is what the rows are ordered by.
type column int

const (
	byPackets column = iota
	byRate
	bySeen
	byReason
	byFlow
	columns
)

func (c column) String() string {
	return [columns]string{"packets", "rate", "last seen", "reason", "flow"}[c]
}

// order is the list as it is shown. It is made anew when the drops, the filter or the
// order changed.
type order struct {
	by      column
	down    bool
	list    []*drop.Row
	version int
	made    made
	// packets counts what is listed but for counters, which may tell of the same packets
	// again and of each other's; counters are how many of these have risen. hidden are the
	// rows left out as usual.
	packets  uint64
	counters int
	hidden   int
}

// made is what the list was made from.
type made struct {
	snapshot uint64
	filter   string
	language string
	by       column
	down     bool
	usual    bool
	any      bool
}

// next goes to the next column; amounts and times start with the highest.
func (o *order) next() {
	o.by = (o.by + 1) % columns
	o.down = o.by == byPackets || o.by == byRate || o.by == bySeen
}

func (o *order) sync(f *page.Frame, words drop.Dictionary, say ladder.Say, usual bool) {
	m := made{f.Snap.Version, f.Filter, f.Language(), o.by, o.down, usual, true}
	if m == o.made {
		return
	}
	o.made = m
	o.version++
	o.list, o.packets, o.counters, o.hidden = nil, 0, 0, 0
	test := match(f.Filter, words, say)
	for _, r := range f.Snap.Drops.Rows {
		switch {
		case test != nil && !test(r):
			continue
		case !usual && words.Explain(r.Last).Grade == drop.Usual:
			o.hidden++
			continue
		}
		if r.Key.Source == drop.StepProc {
			o.counters++
		} else {
			o.packets += r.Count
		}
		o.list = append(o.list, r)
	}
	slices.SortStableFunc(o.list, func(a, b *drop.Row) int {
		n := 0
		switch o.by {
		case byPackets:
			n = cmp.Compare(a.Count, b.Count)
		case byRate:
			n = cmp.Compare(a.Rate, b.Rate)
		case bySeen:
			n = a.Seen.Compare(b.Seen)
		case byReason:
			n = cmp.Compare(a.Key.Reason, b.Key.Reason)
		case byFlow:
			n = cmp.Compare(a.Key.Flow.String(), b.Key.Flow.String())
		}
		if o.down {
			n = -n
		}
		return cmp.Or(n, cmp.Compare(a.Number, b.Number))
	})
}
