package path

import (
	"slices"
	"sort"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/units"
)

// key is a base chain's identity: it outlives a ruleset that is read anew.
type key struct {
	backend      model.Backend
	family       model.Family
	table, chain string
}

// entry is one line of a station: a base chain, or conntrack where chain is nil.
type entry struct {
	table *model.Table
	chain *model.Chain
	key   key
	name  string
	// sure is false where the order among chains of one priority is not known.
	sure bool
	// packets is how many packets the chain has seen; atLeast where it may be more.
	packets uint64
	counted bool
	atLeast bool
	// calls are the user chains that can be reached from here; shared ones from another
	// base chain too.
	calls []called
}

type called struct {
	chain  *model.Chain
	shared bool
}

// station is a hook with its base chains in the order in which a packet meets them.
type station struct {
	hook    model.Hook
	name    string
	entries []entry
}

// place is where a rule stands.
type place struct {
	table *model.Table
	chain *model.Chain
	rule  *model.Rule
}

// world is a snapshot's rules, put in order for drawing. It is made anew only when
// rules, counters or the use of conntrack changed.
type world struct {
	rules    *model.Ruleset
	counts   *model.Counts
	inUse    bool
	stations [5]station
	index    *ruleset.Index // nil where there are no rules
	briefs   map[int]string // those drawn so far, by Rule.ID
	// needs are the widths that the stations' rules and chains ask for, to be read whole.
	needs [5]int
	// also says what the map does not show: tables of other families.
	also string
}

var names = [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// index is a hook's place among the stations; ingress counts to the first, egress to
// the last.
func index(h model.Hook) int {
	switch h {
	case model.HookIngress:
		return 0
	case model.HookEgress:
		return 4
	case model.HookNone:
		return -1
	}
	return int(h - model.HookPrerouting)
}

func build(s *snapshot.Snapshot, o *orders) *world {
	w := &world{rules: s.Shown(), counts: s.Counts, inUse: s.ConntrackInUse}
	for i, h := range model.Hooks() {
		w.stations[i] = station{hook: h, name: names[i]}
	}
	if w.rules == nil {
		return w
	}
	w.index, w.briefs = s.Names(w.rules), map[int]string{}
	other := map[model.Family]int{}
	reach := newReach(w)
	callers := make([]uint8, len(reach.next)) // by Chain.ID; two are many
	calls := map[*model.Chain][]*model.Chain{}
	for _, t := range w.rules.Tables {
		for _, c := range t.Chains {
			if !c.Base() {
				continue
			}
			if t.Family == model.FamilyBridge || t.Family == model.FamilyARP {
				other[t.Family]++
			}
			calls[c] = reach.from(t, c)
			for _, u := range calls[c] {
				callers[u.ID] = min(callers[u.ID]+1, 2)
			}
		}
	}
	for i := range w.stations {
		st := &w.stations[i]
		for _, b := range bases(w.rules, st.hook, o) {
			if w.tracks(st) && b.Chain.Hook == st.hook && b.Priority > ruleset.ConntrackPriority {
				st.entries = append(st.entries, entry{name: "conntrack", sure: true})
			}
			e := entry{table: b.Table, chain: b.Chain, sure: b.Sure, name: b.Table.Name,
				key: key{b.Table.Backend, b.Table.Family, b.Table.Name, b.Chain.Name}}
			if b.Table.Backend == model.BackendNFTables {
				e.name = b.Table.Family.String() + " " + b.Table.Name + "/" + b.Chain.Name
			}
			if b.Chain.Device != "" {
				e.name = b.Chain.Device + " " + e.name
			}
			e.calls = make([]called, 0, len(calls[e.chain]))
			for _, u := range calls[e.chain] {
				e.calls = append(e.calls, called{u, callers[u.ID] > 1})
			}
			w.count(&e)
			st.entries = append(st.entries, e)
		}
		if w.tracks(st) {
			st.entries = append(st.entries, entry{name: "conntrack", sure: true})
		}
	}
	w.also = alsoWords(other)
	for i := range w.stations {
		w.needs[i] = w.need(&w.stations[i])
	}
	return w
}

const (
	// mostNeed is the widest that a station asks to be: a longer rule is cut, and can be
	// read on the Rules page.
	mostNeed = 120
	// looked is how many rules below a base chain are measured.
	looked = 64
)

// need measures a station: as wide as its longest rule, with the columns beside it.
func (w *world) need(s *station) int {
	n, words := 0, 4
	for k := range s.entries {
		e := &s.entries[k]
		if e.chain == nil {
			continue
		}
		n = max(n, canvas.Width(e.name)+45)
		ls := w.leaves(e, nil)
		ls = ls[:min(len(ls), looked)]
		for _, l := range ls {
			if r := w.place(l.rule).rule; !plain(r) {
				words = max(words, min(canvas.Width(target(r))+2*boolInt(r.Jump != ""), 16))
			}
		}
		for _, l := range ls {
			text := words + 1 + canvas.Width(w.says(l))
			if r := w.place(l.rule).rule; plain(r) {
				text = canvas.Width(target(r))
			}
			n = max(n, 5+2*l.depth+text+2+packetsWidth+1+deathWidth)
		}
	}
	return min(n, mostNeed)
}

// tracks reports whether a station still lacks its conntrack line.
func (w *world) tracks(s *station) bool {
	return w.inUse && (s.hook == model.HookPrerouting || s.hook == model.HookOutput) &&
		!slices.ContainsFunc(s.entries, func(e entry) bool { return e.chain == nil })
}

func alsoWords(other map[model.Family]int) string {
	var out []string
	for f, n := range other {
		out = append(out, units.Plural(uint64(n), 4, "base chain")+" of family "+f.String())
	}
	sort.Strings(out)
	if len(out) == 0 {
		return ""
	}
	return "not on this map: " + strings.Join(out, ", ") + " (see Rules)"
}

// recount gives the same rules with newer counters.
func (w *world) recount(s *snapshot.Snapshot) *world {
	n := *w
	n.counts = s.Counts
	for i := range n.stations {
		es := slices.Clone(n.stations[i].entries)
		for k := range es {
			if es[k].chain != nil {
				n.count(&es[k])
			}
		}
		n.stations[i].entries = es
	}
	return &n
}

// count tells how many packets entered a base chain. The kernel counts only those
// that reached the policy; the others ended in a rule, here or in a user chain.
// Where such a rule is shared or not understood, the number is a lower bound.
func (w *world) count(e *entry) {
	e.packets, e.counted, e.atLeast = 0, false, false
	if w.counts == nil || e.chain.ID >= len(w.counts.Chains) || !w.counts.Chains[e.chain.ID].Valid {
		return
	}
	e.counted = true
	e.packets = w.counts.Chains[e.chain.ID].Packets
	var most uint64
	add := func(c *model.Chain, shared bool) {
		for i := range c.Rules {
			r := &c.Rules[i]
			n := w.rule(r.ID)
			if c == e.chain {
				most = max(most, n.Packets)
			}
			switch v := r.Verdict(); {
			case v == model.VerdictAccept || v == model.VerdictQueue || v.Ends():
				if shared || !n.Valid {
					e.atLeast = true
				} else {
					e.packets += n.Packets
				}
			case v == model.VerdictUnknown:
				e.atLeast = true
			}
		}
	}
	add(e.chain, false)
	for _, u := range e.calls {
		add(u.chain, u.shared)
	}
	if most > e.packets {
		e.packets = most
	}
}

// rule gives a rule's counters.
func (w *world) rule(id int) model.Counters {
	if w.counts == nil || id < 0 || id >= len(w.counts.Rules) {
		return model.Counters{}
	}
	return w.counts.Rules[id]
}

// brief is the short text of a rule.
func (w *world) brief(id int) string {
	s, ok := w.briefs[id]
	if !ok {
		if r := w.place(id).rule; !plain(r) { // else target says it all
			s = Brief(r)
		}
		w.briefs[id] = s
	}
	return s
}

// says is the short text of a leaf's rule, behind the name of its chain where nothing else
// tells that.
func (w *world) says(l leaf) string {
	s := w.brief(l.rule)
	switch {
	case l.by == "":
		return s
	case s == "":
		return "in " + l.by
	}
	return l.by + ": " + s
}

// place tells where a rule stands; nothing where there is no such rule.
func (w *world) place(id int) (p place) {
	if w.index != nil {
		p.table, p.chain, p.rule = w.index.Rule(id)
	}
	return p
}

// size is how many rules there are.
func (w *world) size() (rules int) {
	if w.rules != nil {
		_, rules = w.rules.Size()
	}
	return rules
}

// jump is the chain that a rule of a table calls, nil where it calls none.
func (w *world) jump(t *model.Table, r *model.Rule) *model.Chain {
	if r.Jump == "" {
		return nil
	}
	if in, c := w.index.Chain(t.Backend, t.Family, t.Name, r.Jump); in == t {
		return c
	}
	return nil
}

// calls are the chains that a rule of a table calls: the one it jumps to, or those of
// its verdict map.
func (w *world) calls(t *model.Table, r *model.Rule) []*model.Chain {
	if u := w.jump(t, r); u != nil {
		return []*model.Chain{u}
	}
	return w.index.Chosen(t, r)
}

// resolve finds the rule that a step hit in the rules as they are now; -1 where it is
// not there any more.
func (w *world) resolve(s *journey.Step) int {
	if s.Kind != journey.KindRule && s.Kind != journey.KindMiss || w.rules == nil {
		return -1
	}
	if s.RuleID >= 0 {
		if p := w.place(s.RuleID); p.rule != nil && p.rule.Text == s.Text && p.chain.Name == s.Chain && p.table.Name == s.Table {
			return s.RuleID
		}
	}
	if t := w.rules.Table(s.Backend, s.Family, s.Table); t != nil {
		if c := t.Chain(s.Chain); c != nil && s.Rule >= 1 && s.Rule <= len(c.Rules) && c.Rules[s.Rule-1].Text == s.Text {
			return c.Rules[s.Rule-1].ID
		}
	}
	return -1
}

// at finds the entry of a step's base chain: station and entry, -1 where there is none.
func (w *world) at(s *journey.Step) (st, en int) {
	st = index(s.Hook)
	if st < 0 || st >= len(w.stations) {
		return -1, -1
	}
	base := s.Base
	if base == "" {
		base = s.Chain
	}
	k := key{s.Backend, s.Family, s.Table, base}
	for i := range w.stations[st].entries {
		if w.stations[st].entries[i].key == k {
			return st, i
		}
	}
	return st, -1
}
