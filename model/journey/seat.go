package journey

import (
	"math"
	"slices"
	"strings"

	"nfscope/model"
)

// Seat is a place between the base chains of a hook, where packets are looked at as they
// go by.
type Seat struct {
	Hook     model.Hook
	Priority model.Priority
	// Until is the priority of the hook's next seat: what drops a packet that was seen here
	// and not there stands between the two. It is LastSeat where no seat follows, less where one
	// should and could not be taken: who is seen here has not left the hook.
	Until model.Priority
	// First is true where packets are seen for the first time.
	First bool
}

// Precedes reports whether the chain that an event of the legacy tracer tells of stands behind
// the seat and before the next.
func (s *Seat) Precedes(e *Event) bool {
	at := legacyPlace(e)
	return at.hook == s.Hook && at.priority > s.Priority && at.priority < s.Until
}

// LastSeat is Seat.Until of a hook's last seat.
const LastSeat model.Priority = math.MaxInt32

// standing is what stands in a hook: a base chain, or conntrack.
type standing struct {
	at   place
	base *base // nil for conntrack
	of   model.Family
}

// words names it.
func (s *standing) words() string {
	if s.base == nil {
		return "conntrack"
	}
	return Where(s.base.backend, s.base.family, s.base.table, s.base.name)
}

// standings lists what stands in the hooks of the IP families, in the order of the packet's
// way.
func standings(rs *model.Ruleset) (all []standing) {
	for _, h := range []model.Hook{model.HookPrerouting, model.HookOutput} {
		all = append(all, standing{at: place{h, conntrackPriority}, of: model.FamilyInet})
	}
	if rs != nil {
		for _, t := range rs.Tables {
			if dormant(t) || below(t.Family) {
				continue
			}
			for _, c := range t.Chains {
				if c.Hook < model.HookPrerouting || c.Hook > model.HookPostrouting {
					continue
				}
				at := placeIn(t, c)
				all = append(all, standing{at, &base{at, t.Backend, t.Family, t.Name, c.Name}, t.Family})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b standing) int {
		switch {
		case a.at.before(b.at):
			return -1
		case b.at.before(a.at):
			return 1
		}
		return 0
	})
	return all
}

// Seats are the places from which it shows between which chains of a ruleset a packet was
// dropped: before each priority that something stands at, and behind the last of each hook.
// begin is the priority of the chains that switch the trace on, behind which packets are
// seen first.
func Seats(rs *model.Ruleset, prerouting, output model.Priority) (seats []Seat) {
	all := standings(rs)
	for _, h := range []model.Hook{model.HookPrerouting, model.HookInput, model.HookForward, model.HookOutput, model.HookPostrouting} {
		from, first := LastSeat, false
		switch h {
		case model.HookPrerouting:
			from, first = prerouting, true
		case model.HookOutput:
			from, first = output, true
		}
		var at []model.Priority
		if first {
			at = append(at, from+1)
		}
		last, any := model.Priority(0), false
		for i := range all {
			s := &all[i]
			if s.at.hook != h || first && s.at.priority <= from+1 {
				continue
			}
			if p := s.at.priority - 1; s.at.priority > math.MinInt32+1 && !slices.Contains(at, p) && (!any || p > last) {
				at = append(at, p)
			}
			last, any = s.at.priority, true
		}
		switch {
		case any && last < probePriority-1:
			at = append(at, last+1)
		case !any && !first:
			at = append(at, 0)
		}
		slices.Sort(at)
		at = slices.Compact(at)
		for i, p := range at {
			until := LastSeat
			if i+1 < len(at) {
				until = at[i+1]
			}
			seats = append(seats, Seat{h, p, until, first && i == 0})
		}
	}
	return seats
}

// standBetween names what stands behind a seat and before the next, of a packet's family.
func standBetween(all []standing, s *Seat, f model.Family) (list []standing) {
	for i := range all {
		if o := &all[i]; o.at.hook == s.Hook && o.at.priority > s.Priority && o.at.priority < s.Until && o.of.Carries(f) {
			list = append(list, *o)
		}
	}
	return list
}

// names joins the words of what stands somewhere.
func names(l []standing) string {
	var s []string
	for i := range l {
		if w := l[i].words(); !slices.Contains(s, w) {
			s = append(s, w)
		}
	}
	return strings.Join(s, " or ")
}
