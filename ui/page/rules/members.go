package rules

import (
	"context"
	"reflect"
	"slices"
	"time"

	"nfscope/model/set"
	"nfscope/ui/component/list"
	"nfscope/ui/component/units"
)

const (
	// pageSize is how many members are asked for at once.
	pageSize = 500
	// far is the page from which on several are read at once.
	far = 40
	// pagesKept is how many pages stay in memory: those nearest to what is in sight.
	pagesKept = 8
	// quick is how long a page may take to be read anew whenever the headers are: so
	// timeouts count down, and what came in place of another is seen.
	quick = 20 * time.Millisecond
	// cheap is how long a page may take to be read anew by itself when the set changes. A
	// page far down a large set costs the reading of all before it.
	cheap = 200 * time.Millisecond
)

// members is the set that is shown, with the pages of it that were read.
type members struct {
	set    set.Set
	ctx    context.Context // until another set is shown
	cancel context.CancelFunc
	ready  bool // set came from a list
	pages  map[int]readPage
	// round grows when the set changes: pages of an older one are read again.
	round int
	// seen is the place behind the last member that was read. No more follow where ended.
	seen    int
	ended   bool
	reading bool
	failed  bool // the last reading: nothing is asked until something is done
	cost    time.Duration
	old     bool // changed since it was read, and too costly to be read again by itself

	counting bool
	wants    bool // the count is wanted
	counted  uint64
	hasCount bool
	look     []string // to be looked up

	cursor   list.Cursor[int]
	from, to int // in sight at the last View
	said     string
	good     bool
}

// readPage is a page and when it was read.
type readPage struct {
	members []set.Member
	round   int
}

func newMembers(k set.Key) *members {
	m := &members{set: set.Set{Key: k}, pages: map[int]readPage{}, to: 1}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// say puts a sentence under the members.
func (m *members) say(text string, good bool) { m.said, m.good = text, good }

// renew takes the set's header as it is now.
func (m *members) renew(s set.Set) {
	switch {
	case !m.ready:
	case reflect.DeepEqual(s, m.set):
		m.again()
	case s.Type != m.set.Type: // destroyed and made anew
		m.pages, m.seen, m.ended = map[int]readPage{}, 0, false
	case m.cost > cheap:
		m.old = true
	default:
		m.round++
		m.ended = false
	}
	m.set, m.ready, m.failed = s, true, false
	m.sync()
}

// again has what is in sight read again where that costs next to nothing.
func (m *members) again() {
	if m.ready && !m.reading && m.cost <= quick {
		m.round++
	}
}

// count is the number of members, where it is known.
func (m *members) count() (uint64, bool) {
	switch {
	case m.ended:
		return uint64(m.seen), true
	case m.set.CountKnown:
		return m.set.Count, true
	}
	return m.counted, m.hasCount
}

// rows is how many rows there are to move over: where the number of members is not
// known, one more than were read.
func (m *members) rows() int {
	n, known := m.count()
	switch {
	case m.ended:
		return m.seen
	case known && int(n) > m.seen:
		return int(n)
	}
	return m.seen + 1
}

func (m *members) at(i int) int { return i }

// sync tells the cursor how many rows there are.
func (m *members) sync() { m.cursor.Sync(0, m.rows(), m.at) }

// member gives the member at a place; ok is false where it was not read.
func (m *members) member(i int) (set.Member, bool) {
	p := m.pages[i/pageSize]
	if k := i % pageSize; k < len(p.members) {
		return p.members[k], true
	}
	return set.Member{}, false
}

// ask gives the next question about the set.
func (m *members) ask(from Sets) func() any {
	if !m.ready {
		return nil
	}
	s := m.set
	if len(m.look) > 0 {
		text := m.look[0]
		m.look = m.look[1:]
		return func() any {
			in, err := from.Contains(m.ctx, s, text)
			return looked{m, text, in, err}
		}
	}
	if m.wants && !m.counting {
		m.wants, m.counting = false, true
		return func() any {
			n, err := from.Count(m.ctx, s)
			return setCounted{m, n, err}
		}
	}
	at, ok := m.missing()
	if !ok || m.reading || m.failed {
		return nil
	}
	m.reading = true
	round, n := m.round, 1
	if at >= far { // nearly all of the cost is what stands before: its neighbours come along
		at, n = at-1, 3
	}
	return func() any {
		start := time.Now()
		p, err := from.Members(m.ctx, s, at*pageSize, n*pageSize)
		return pageRead{m, round, p, err, time.Since(start)}
	}
}

// missing is the first page that is in sight, or soon will be, and was not read.
func (m *members) missing() (int, bool) {
	rows := m.rows()
	for _, i := range []int{m.from, max(m.from, m.to-1), m.to + (m.to-m.from)/2} {
		if i = min(i, rows-1); i < 0 || m.ended && i >= m.seen {
			continue
		}
		if p, ok := m.pages[i/pageSize]; !ok || p.round < m.round || len(p.members) < pageSize && !m.ended && i%pageSize >= len(p.members) {
			return i / pageSize, true
		}
	}
	return 0, false
}

// take takes a page.
func (m *members) take(a pageRead) {
	m.reading = false
	if a.err != nil {
		m.failed = true
		m.say(a.err.Error(), false)
		return
	}
	m.cost = a.took
	p := a.page
	at := p.From / pageSize
	for i := 0; i == 0 || i*pageSize < len(p.Members); i++ {
		m.pages[at+i] = readPage{p.Members[i*pageSize : min((i+1)*pageSize, len(p.Members))], a.round}
	}
	end := p.From + len(p.Members)
	switch {
	case !p.More && (len(p.Members) > 0 || p.From == 0):
		m.seen, m.ended = end, true
	case !p.More: // the end is before this page
		m.seen = min(max(m.seen, 0), p.From)
		m.hasCount = false
		m.ended = m.pages[at-1].round == m.round && len(m.pages[at-1].members) == pageSize
		delete(m.pages, at)
		if !m.ended {
			m.seen = 0
			m.cursor.Go(0, m.at)
			m.from, m.to = 0, max(1, m.to-m.from)
		}
	case end >= m.seen:
		m.seen, m.ended = end, false
	}
	m.forget(at)
	if p.Moved {
		m.say("the ruleset kept changing while this was read: members may be missing or be here twice", false)
	}
	m.sync()
}

// forget drops the pages that are farthest from one.
func (m *members) forget(at int) {
	for len(m.pages) > pagesKept {
		far, where := -1, 0
		for i := range m.pages {
			if d := max(i-at, at-i); d > far || d == far && i > where {
				far, where = d, i
			}
		}
		delete(m.pages, where)
	}
}

// looked takes the answer to whether something is in the set.
func (m *members) looked(a looked) {
	switch {
	case a.err != nil:
		m.say(a.err.Error(), false)
	case a.in:
		m.say("yes: "+a.text+" is in "+m.set.String(), true)
	default:
		m.say("no: "+a.text+" is not in "+m.set.String(), true)
	}
}

// countWords are the number of members in words.
func (m *members) countWords() string {
	n, known := m.count()
	switch {
	case m.counting:
		return "counting"
	case known && !m.set.CountKnown && !m.ended:
		return units.Plural(n, 12, "member") + " when they were counted"
	case known:
		return units.Plural(n, 12, "member")
	case m.seen > 0:
		return "more than " + units.Plural(uint64(m.seen), 12, "member")
	}
	return "number of members unknown"
}

// headerWords are what else the set's header says.
func (m *members) headerWords() (words []string) {
	s := m.set
	for _, f := range s.Flags {
		if f != "timeout" || s.Timeout == 0 {
			words = append(words, f)
		}
	}
	if s.Timeout > 0 {
		words = append(words, "timeout "+set.Duration(s.Timeout))
	}
	if s.Size > 0 {
		words = append(words, "at most "+units.Count(s.Size, 12))
	}
	return slices.Clip(words)
}
