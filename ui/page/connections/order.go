package connections

import (
	"slices"
	"strings"
	"time"

	"nfscope/model/flow"
	"nfscope/ui/page"
)

// column is what the flows are ordered by.
type column int

const (
	bySeen column = iota
	byClient
	byService
	byState
	byNAT
	byTimeout
	byRate
	byBytes
	columns
)

func (c column) String() string {
	return [columns]string{"age", "client", "service", "state", "NAT", "timeout", "rate", "bytes"}[c]
}

// order is the list as it is shown. It is made anew when the table changed, and for
// a long table at most once a second.
type order struct {
	by   column
	down bool

	list    []*flow.Flow
	version int

	made   made
	madeAt time.Time
}

// made is what the list was made from.
type made struct {
	snapshot uint64
	filter   string
	by       column
	down     bool
}

// long is the length from which the list is not ordered with every snapshot.
const long = 2000

func (o *order) name() string {
	if o.down {
		return o.by.String() + ", highest first"
	}
	return o.by.String()
}

// next goes to the next column; amounts start with the highest.
func (o *order) next() {
	o.by = (o.by + 1) % columns
	o.down = o.by == byRate || o.by == byBytes
}

// sync makes the list anew where it must be. held stays in it, even when the table has
// let go of it.
func (o *order) sync(f *page.Frame, r *rates, held *flow.Flow) {
	m := made{f.Snap.Version, f.Filter, o.by, o.down}
	same := m
	same.snapshot = o.made.snapshot
	switch {
	case o.list != nil && m == o.made:
		return
	case same == o.made && len(o.list) > long && f.Snap.Time.Sub(o.madeAt) < time.Second:
		return
	}
	o.made, o.madeAt = m, f.Snap.Time
	o.version++
	want := match(f.Filter)
	list := make([]*flow.Flow, 0, len(f.Snap.Flows.List))
	for _, fl := range f.Snap.Flows.List {
		if want == nil || want(fl) {
			list = append(list, fl)
		}
	}
	if less := o.compare(r); less != nil {
		slices.SortStableFunc(list, less)
	}
	if o.down {
		if o.by == bySeen {
			slices.Reverse(list)
		}
	}
	if held != nil && (want == nil || want(held)) {
		list = o.keep(list, held, f.Snap.Time)
	}
	o.list = list
}

// keep puts a flow that the table has let go of where it was: behind those that stood
// before it and are still there.
func (o *order) keep(list []*flow.Flow, held *flow.Flow, now time.Time) []*flow.Flow {
	k := held.Key()
	if slices.ContainsFunc(list, func(f *flow.Flow) bool { return f.Key() == k }) {
		return list
	}
	before := map[flow.Key]bool{}
	for _, f := range o.list {
		if f.Key() == k {
			break
		}
		before[f.Key()] = true
	}
	at := 0
	for i, f := range list {
		if before[f.Key()] {
			at = i + 1
		}
	}
	if held.Gone.IsZero() {
		over := *held
		over.Gone = now
		held = &over
	}
	return slices.Insert(list, at, held)
}

// compare orders two flows; nil where the table's own order is wanted.
func (o *order) compare(r *rates) func(a, b *flow.Flow) int {
	sign := 1
	if o.down {
		sign = -1
	}
	num := func(a, b float64) int {
		switch {
		case a < b:
			return -sign
		case a > b:
			return sign
		}
		return 0
	}
	switch o.by {
	case byClient:
		return func(a, b *flow.Flow) int {
			if c := a.Orig.Tuple.Src.Compare(b.Orig.Tuple.Src); c != 0 {
				return sign * c
			}
			return num(float64(a.Orig.Tuple.SPort), float64(b.Orig.Tuple.SPort))
		}
	case byService:
		return func(a, b *flow.Flow) int {
			if c := a.Orig.Tuple.Dst.Compare(b.Orig.Tuple.Dst); c != 0 {
				return sign * c
			}
			return num(float64(a.Orig.Tuple.DPort), float64(b.Orig.Tuple.DPort))
		}
	case byState:
		return func(a, b *flow.Flow) int { return sign * strings.Compare(state(a), state(b)) }
	case byNAT:
		return func(a, b *flow.Flow) int { return sign * strings.Compare(a.NAT.String(), b.NAT.String()) }
	case byTimeout:
		return func(a, b *flow.Flow) int { return num(float64(a.Timeout), float64(b.Timeout)) }
	case byRate:
		return func(a, b *flow.Flow) int { return num(r.of(a), r.of(b)) }
	case byBytes:
		return func(a, b *flow.Flow) int { return num(float64(total(a)), float64(total(b))) }
	}
	return nil
}

// total is the bytes of both directions.
func total(f *flow.Flow) uint64 { return f.Orig.Count.Bytes + f.Reply.Count.Bytes }

// state is the protocol's state, or in words what conntrack's bits tell.
func state(f *flow.Flow) string {
	switch {
	case f.State != "":
		return f.State
	case f.Status&flow.Offload != 0:
		return "OFFLOAD"
	case f.Status&flow.Assured != 0:
		return "ASSURED"
	case f.Status&flow.SeenReply != 0:
		return "REPLIED"
	}
	return "UNREPLIED"
}

// rates remembers the bytes of flows to tell how fast they grow.
type rates struct {
	seen    map[flow.Key]sample
	snap    uint64
	learned time.Time
}

type sample struct {
	bytes uint64
	at    time.Time
	rate  float64
}

// tooMany is how many samples are kept before those not in sight are forgotten.
const tooMany = 20000

// learn takes the whole table's bytes where all rates are wanted; at most once a second.
func (r *rates) learn(f *page.Frame, all bool) {
	if !all || f.Snap.Version == r.snap || f.Snap.Time.Sub(r.learned) < time.Second && f.Snap.Version > r.snap && r.seen != nil {
		return
	}
	r.snap, r.learned = f.Snap.Version, f.Snap.Time
	if len(r.seen) > 2*len(f.Snap.Flows.List)+tooMany {
		r.seen = nil
	}
	for _, fl := range f.Snap.Flows.List {
		r.take(fl)
	}
}

// take notes a flow's bytes and gives its rate in bytes a second, below 0 where it
// is not known yet.
func (r *rates) take(f *flow.Flow) float64 {
	if !f.Orig.Count.Valid {
		return -1
	}
	if r.seen == nil || len(r.seen) > 10*tooMany {
		r.seen = map[flow.Key]sample{}
	}
	k, n := f.Key(), total(f)
	old, ok := r.seen[k]
	switch d := f.Seen.Sub(old.at).Seconds(); {
	case !ok:
		old = sample{n, f.Seen, -1}
	case d <= 0:
		return old.rate
	case n >= old.bytes:
		old = sample{n, f.Seen, float64(n-old.bytes) / d}
	default:
		old = sample{n, f.Seen, -1}
	}
	r.seen[k] = old
	return old.rate
}

// of is the rate as it is known.
func (r *rates) of(f *flow.Flow) float64 {
	if s, ok := r.seen[f.Key()]; ok {
		return s.rate
	}
	return -1
}
