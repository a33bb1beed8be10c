package connections

import (
	"cmp"
	"time"

	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/nat"
	"nfscope/ui/page"
)

// spec is what a list is made from.
type spec struct {
	table  *flow.Table
	filter string
	// rules are what the filter asks about, where it asks about rules; else nil.
	rules *basis
	by    flow.Column
	down  bool
	// kind is what is grouped by; where inside is one of its groups the list is of that
	// group's flows.
	kind   flow.Kind
	inside flow.GroupKey
}

// groups reports whether the list is one of groups.
func (s *spec) groups() bool { return s.kind != flow.NoGroups && s.inside == flow.GroupKey{} }

// want makes the test of what is in the list; nil is for all. open is matcher's.
func (s *spec) want(open *int) func() func(*flow.Look) bool {
	match, in := matcher(s.filter, s.rules, open), s.inside
	if in == (flow.GroupKey{}) {
		return match
	}
	return func() func(*flow.Look) bool {
		found := func(*flow.Look) bool { return true }
		if match != nil {
			found = match()
		}
		return func(l *flow.Look) bool { return in.Kind.Of(l) == in && found(l) }
	}
}

// order is the list as it is shown, and the making of the next one. A short list is made
// at once, with every snapshot; a long one beside the screen, a piece at a time, while the
// old one stays: at once when another order is asked for, else every second at most, and
// more seldom where it takes long.
type order struct {
	want spec
	made spec
	// snap and version are those of the snapshot and the table that the list was made of.
	snap, version uint64
	at            time.Time
	took          time.Duration
	// number grows with every list.
	number int

	view   *flow.View
	groups []*flow.Group
	// more is how many groups there are besides, and moreFlows are the connections of these.
	more, moreFlows int
	// least says that there may be more in the list: sets were not asked about all.
	least bool

	// job is under way; busy is true while another goroutine has it, part is how much of
	// it was done before.
	job  *job
	busy bool
	part float64
	// spare keeps the memory of a long list's making.
	spare *flow.Finder
	sets  func() nat.InSet // nil where nobody can look into sets
}

// quick reports whether the list is made at once: it is short, and its filter asks nothing
// that takes a walk through the rules for each connection.
func (s *spec) quick() bool { return s.table.Len() <= short && s.rules == nil }

// seldom is how many times as long as a long list's making there is none anew: at most
// a twenty-fourth of a core is spent on it, for the rests count as its making.
const seldom = 24

// short is how many flows are put in order at once: it takes less than a frame.
const short = 4000

// job makes a list.
type job struct {
	spec          spec
	snap, version uint64
	at            time.Time
	took          time.Duration
	begun         bool
	finder        *flow.Finder
	rest          func() // nil where nobody waits meanwhile
	grouper       flow.Grouper
	view          *flow.View
	groups        flow.Groups
	done          bool
	part          float64
	open          int // questions about sets without an answer
}

// steps make a piece of some milliseconds, after which somebody may have asked for another
// list.
const steps = 32

// run does a piece of the work, and lets the screen go first: there may be no more than one
// processor besides the one that takes the events.
func (j *job) run() {
	for i := 0; i < steps && !j.done; i++ {
		j.step()
		j.rest()
	}
}

// step does a little of the work.
func (j *job) step() {
	began := time.Now()
	if !j.begun {
		j.begun = true
		if j.spec.groups() {
			j.grouper.Begin(j.spec.table, flow.Totals{By: j.spec.kind, Want: j.spec.want(&j.open), Order: groupOrder(j.spec.by, j.spec.down), Rest: j.rest}, j.finder)
		} else {
			j.finder.Begin(j.spec.table, flow.Query{By: j.spec.by, Down: j.spec.down, Want: j.spec.want(&j.open), Rest: j.rest})
		}
	}
	if j.spec.groups() {
		j.groups, j.done = j.grouper.Step()
		j.part = j.grouper.Part()
	} else {
		j.view = j.finder.Step()
		j.done, j.part = j.view != nil, j.finder.Part()
	}
	j.took += time.Since(began)
}

// sync says what is wanted, and makes it where that takes no time.
func (o *order) sync(f *page.Frame) {
	o.want.table, o.want.filter = f.Snap.Flows.Table, f.Filter
	o.ask(f)
	if !o.want.quick() || !o.due(f) {
		return
	}
	j := o.begin(f)
	for !j.done {
		j.step()
	}
	o.take(j)
}

// ask sets what the filter's words about rules are asked of.
func (o *order) ask(f *page.Frame) {
	flt, err := filter.Parse(f.Filter)
	if f.Filter == "" || err != nil || !flt.AsksRules() || f.Snap.Rules == nil {
		o.want.rules = nil
		return
	}
	if b := o.want.rules; b == nil || !b.fits(f.Snap) {
		o.want.rules = newBasis(f.Snap, o.sets)
	}
}

// due reports whether the list is to be made anew.
func (o *order) due(f *page.Frame) bool {
	if o.number == 0 || o.want != o.made {
		return true
	}
	if o.snap == f.Snap.Version || o.version == o.want.table.Version() {
		return false
	}
	return o.want.quick() || f.Now.Sub(o.at) >= max(time.Second, seldom*o.took)
}

func (o *order) begin(f *page.Frame) *job {
	j := &job{spec: o.want, snap: f.Snap.Version, version: o.want.table.Version(), at: f.Now, finder: o.spare}
	if o.spare = nil; j.finder == nil {
		j.finder = &flow.Finder{}
	}
	return j
}

// take takes the list that a job made.
func (o *order) take(j *job) {
	o.made, o.snap, o.version, o.at, o.took = j.spec, j.snap, j.version, j.at, j.took
	o.view, o.groups, o.spare = j.view, j.groups.List, j.finder
	o.more, o.moreFlows, o.least = j.groups.More, j.groups.MoreFlows, j.open > 0
	o.number++
}

// work gives the next piece of work, nil where none is due or one is under way.
func (o *order) work(f *page.Frame) func() any {
	if o.busy {
		return nil
	}
	if o.job != nil && o.job.spec != o.want { // something else is wanted by now
		o.spare, o.job = o.job.finder, nil
	}
	if o.job == nil {
		if o.want.quick() || !o.due(f) {
			return nil
		}
		o.job, o.part = o.begin(f), 0
		o.job.rest = new(breather).breathe
	}
	o.busy = true
	j := o.job
	return func() any {
		j.run()
		return j
	}
}

// worked takes a piece of work back.
func (o *order) worked(answer any) {
	j, ok := answer.(*job)
	if !ok || j != o.job {
		return
	}
	o.busy, o.part = false, j.part
	if j.done {
		o.job = nil
		if j.spec == o.want {
			o.take(j)
		} else {
			o.spare = j.finder
		}
	}
}

// pending tells how much of the list that was asked for is made, below 0 where that is the
// one which is shown.
func (o *order) pending() float64 {
	if o.job == nil || o.number > 0 && o.want == o.made {
		return -1
	}
	return o.part
}

// groupColumns are what groups are ordered by; of other columns they go by their flows.
var groupColumns = []flow.Column{flow.ByAge, flow.ByRate, flow.ByBytes, flow.ByPackets, flow.ByClient}

// groupColumn names a column as it is of groups.
func groupColumn(c flow.Column) string {
	switch c {
	case flow.ByRate, flow.ByBytes, flow.ByPackets:
		return c.String()
	case flow.ByClient:
		return "name"
	}
	return "flows"
}

// groupOrder is the order of groups, as slices.SortFunc wants it.
func groupOrder(by flow.Column, down bool) func(a, b *flow.Group) int {
	key := func(g *flow.Group) float64 {
		switch by {
		case flow.ByRate:
			return g.Rate
		case flow.ByBytes:
			return float64(g.Bytes())
		case flow.ByPackets:
			return float64(g.Packets())
		}
		return float64(g.Flows)
	}
	return func(a, b *flow.Group) int {
		c := 0
		if by == flow.ByClient {
			c = a.Compare(b)
		} else {
			c = cmp.Compare(key(a), key(b))
		}
		if down {
			c = -c
		}
		if c == 0 {
			c = a.Compare(b)
		}
		return c
	}
}
