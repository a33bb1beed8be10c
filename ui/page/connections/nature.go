package connections

import (
	"fmt"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/ui/page"
)

// nature knows what the rules have to do with connections: which made a translation, and
// whether today's would make it again. It looks beside the screen, at what is in sight
// first and then, a little at a time, at all.
type nature struct {
	busy  bool
	known map[flow.Key]known
	// of is what known was found by; seen the rules that it belongs to.
	of *basis
	// stale is the count of the last look at all of them, or of the one under way.
	stale, looked, total int
	pass                 int       // where the look at all of them is, -1 when it is done
	again                time.Time // when it begins anew
	// least says that there may be more that are stale: the sets were not asked about all.
	least bool
	// doubt are the classes that may be others, by the rules.
	doubt flow.Classes
	// sets makes what looks into the host's sets; nil where nobody can.
	sets func() nat.InSet
}

// Sets says how to look into the host's sets as they are now: each of those that lookup
// makes runs in one goroutine and may block.
func (p *Page) Sets(lookup func() nat.InSet) { p.nature.sets, p.order.sets = lookup, lookup }

// basis is what answers are found by. A worker has it to itself while it is busy.
type basis struct {
	rules  *model.Ruleset
	index  *ruleset.Index // nil where nobody made one yet
	host   nat.Host
	finder *nat.Finder
	sets   func() nat.InSet
	// inSet is what the finder asks now: near about what is in sight, far about all. asked
	// counts its questions, open those that it had no answer to.
	inSet, near, far nat.InSet
	asked, open      int
	// doubt are the classes of flow.Host's Doubtful.
	doubt flow.Classes
}

func newBasis(s *snapshot.Snapshot, sets func() nat.InSet) *basis {
	return &basis{rules: s.Rules, index: s.Index, host: nat.Host{Local: s.Local, Routes: s.Routes}, sets: sets}
}

// fits reports whether a snapshot has the same rules and addresses.
func (b *basis) fits(s *snapshot.Snapshot) bool {
	return b.rules == s.Rules && b.host.Routes == s.Routes && slices.Equal(b.host.Local, s.Local)
}

// newFinder makes a finder that nobody else has. open counts its questions about sets that
// had no answer.
func (b *basis) newFinder(open *int) *nat.Finder {
	if b.sets == nil {
		return b.finderOf(nil)
	}
	in := b.sets()
	return b.finderOf(func(t *model.Table, set string, key []string) fact.Answer {
		a := in(t, set, key)
		if a == fact.Unsure {
			*open++
		}
		return a
	})
}

func (b *basis) finderOf(in nat.InSet) *nat.Finder {
	x, h := b.index, b.host
	if x == nil || x.Ruleset() != b.rules {
		x = ruleset.NewIndex(b.rules)
	}
	h.InSet = in
	return nat.NewFinder(x, h)
}

// known is what is known of one connection.
type known struct {
	reply  model.Tuple
	origin nat.Origin
	stale  nat.Stale
	// exact are the rules that were traced as the connection's first packet met them, by
	// halves: destination, source. 0 in packets is none.
	exact   [2]*journey.Step
	rules   [2]int // Rule.ID of exact, -1 where the rules have changed since
	packets int    // how many of its packets were traced
	first   int    // the number of the first of them
	// until is when it is to be asked about again, since sets were asked; zero is never.
	until time.Time
}

// The answers of pieces of work.
type (
	natureOne  map[flow.Key]known
	natureMany struct {
		next, looked, stale int
		least               bool
		doubt               flow.Classes
	}
)

// mostKnown bounds what is kept.
const mostKnown = 4096

// setsAgain is how long what sets say of a connection in sight is taken for that of now.
const setsAgain = 2 * time.Second

// sync forgets what other rules said.
func (n *nature) sync(f *page.Frame) {
	s := f.Snap
	if n.of == nil || !n.of.fits(s) {
		n.of = newBasis(s, n.sets)
		n.known, n.pass, n.stale, n.looked, n.least, n.doubt = nil, 0, 0, 0, false, 0
		n.again = time.Time{}
	}
}

// work gives the next piece; sight are the connections that are drawn, the chosen first.
func (n *nature) work(f *page.Frame, sight []*flow.Flow) func() any {
	n.sync(f)
	if n.busy || f.Snap.Rules == nil {
		return nil
	}
	var want []*flow.Flow
	for i, fl := range sight {
		if fl == nil {
			continue
		}
		k, ok := n.known[fl.Key()]
		// What was traced comes later than the connection: the chosen one is asked about again.
		if !ok || k.reply != fl.Reply.Tuple || !k.until.IsZero() && !f.Now.Before(k.until) || i == 0 && k.packets == 0 && len(f.Snap.Journeys) > 0 && n.tracedNow(f.Snap, fl) {
			want = append(want, fl)
		}
	}
	basis, snap, now := n.of, f.Snap, f.Now
	if len(want) > 0 {
		n.busy = true
		return func() any {
			basis.prepare()
			basis.inSet = basis.near
			out := natureOne{}
			for _, fl := range want {
				before := basis.asked
				k := basis.look(snap, fl)
				if basis.asked != before {
					k.until = now.Add(setsAgain)
				}
				out[fl.Key()] = k
			}
			return out
		}
	}
	if n.pass < 0 && f.Now.Before(n.again) || len(f.Snap.Local) == 0 {
		return nil
	}
	n.pass = max(0, n.pass)
	n.busy = true
	at := n.pass
	n.total = snap.Flows.Table.Len()
	return func() any {
		basis.prepare()
		basis.inSet = basis.far
		return basis.some(snap, at)
	}
}

// tracedNow reports whether a packet of a connection was traced.
func (n *nature) tracedNow(s *snapshot.Snapshot, fl *flow.Flow) bool {
	for i := len(s.Journeys) - 1; i >= 0 && i >= len(s.Journeys)-256; i-- {
		if of(s.Journeys[i], fl) {
			return true
		}
	}
	return false
}

// done takes an answer; false where it is another's.
func (n *nature) done(answer any, f *page.Frame) bool {
	switch a := answer.(type) {
	case natureOne:
		n.busy = false
		if n.known == nil || len(n.known) > mostKnown {
			n.known = map[flow.Key]known{}
		}
		for k, v := range a {
			n.known[k] = v
		}
	case natureMany:
		n.busy = false
		if n.pass == 0 {
			n.stale, n.looked, n.least = 0, 0, false
		}
		n.least, n.doubt = n.least || a.least, a.doubt
		n.stale, n.looked, n.pass = n.stale+a.stale, n.looked+a.looked, a.next
		if a.next < 0 {
			n.again = f.Now.Add(passAgain)
			if have := f.Snap.Flows.Table.Len(); have > n.looked+n.looked/8 { // as while the table is read
				n.again = f.Now.Add(time.Second)
			}
		}
	default:
		return false
	}
	n.sync(f)
	return true
}

// passAgain is how long after a look at all connections the next one begins, where the
// rules stay as they are.
const passAgain = 30 * time.Second

// The look at all connections takes a third of one core: slice of work, then twice as long
// of rest, for round; then the screen hears of it.
const (
	slice = burst
	round = 250 * time.Millisecond
)

// prepare makes the finder; it is as old as the basis.
func (b *basis) prepare() {
	if b.finder == nil {
		h := flow.HostFrom(b.rules, b.host.Local)
		b.doubt = h.Doubtful()
	}
	switch {
	case b.finder != nil:
	case b.sets == nil:
		b.finder = b.finderOf(nil)
	default:
		b.near, b.far = b.sets(), b.sets()
		b.finder = b.finderOf(func(t *model.Table, set string, key []string) fact.Answer {
			a := b.inSet(t, set, key)
			if b.asked++; a == fact.Unsure {
				b.open++
			}
			return a
		})
	}
}

// some looks at connections from a place on, for a round.
func (b *basis) some(s *snapshot.Snapshot, from int) (out natureMany) {
	open := b.open
	out.next, out.doubt = from, b.doubt
	defer func() { out.least = b.open != open }()
	var part []flow.Look
	for end := time.Now().Add(round); ; {
		began := time.Now()
		for time.Since(began) < slice {
			var more bool
			if part, more = s.Flows.Table.Some(out.next, part[:0]); !more {
				out.next = -1
				return out
			}
			for i := range part {
				out.looked++
				if b.finder.IsStale(&part[i]) {
					out.stale++
				}
			}
			out.next++
		}
		if !time.Now().Before(end) {
			return out
		}
		time.Sleep(2 * time.Since(began))
	}
}

// look finds out about one connection.
func (b *basis) look(s *snapshot.Snapshot, fl *flow.Flow) known {
	l := fl.Look()
	k := known{reply: fl.Reply.Tuple, origin: b.finder.Look(&l), stale: b.finder.Stale(&l), rules: [2]int{-1, -1}}
	for _, j := range s.Journeys {
		if !of(j, fl) {
			continue
		}
		if k.packets++; k.first == 0 {
			k.first = j.Number
		}
		if j.CTState == "NEW" {
			k.trace(j, b.finder.Index())
		}
	}
	return k
}

// of reports whether a traced packet is surely one of a connection: the kernel may use an
// ID again, so its ends must fit too.
func of(j *journey.Journey, fl *flow.Flow) bool {
	if j.Flow != fl.ID || j.FlowBy == "" {
		return false
	}
	t, o, r := j.Packet.Tuple(), fl.Orig.Tuple, fl.Reply.Tuple
	return t == o || t == r || t == o.Reverse() || t == r.Reverse()
}

// trace takes the rules that a connection's first packet was seen to meet.
func (k *known) trace(j *journey.Journey, x *ruleset.Index) {
	for i := range j.Steps {
		st := &j.Steps[i]
		half := 0
		switch st.Hook {
		case model.HookPostrouting, model.HookInput:
			half = 1
		}
		if st.Kind != journey.KindRule || k.exact[half] != nil || !translating(st.Target) {
			continue
		}
		k.exact[half] = st
		if _, c := x.Chain(st.Backend, st.Family, st.Table, st.Chain); c != nil && st.Rule > 0 && st.Rule <= len(c.Rules) && c.Rules[st.Rule-1].Text == st.Text {
			k.rules[half] = c.Rules[st.Rule-1].ID
		}
	}
}

func translating(target string) bool {
	switch target {
	case "SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP", "snat", "dnat", "masquerade", "redirect":
		return true
	}
	return false
}

// ruleIDs are the rules that made a translation, destination first, each once; and whether
// they were traced.
func (k *known) ruleIDs() (ids []int, traced bool) {
	add := func(id int) {
		for _, have := range ids {
			if have == id {
				return
			}
		}
		ids = append(ids, id)
	}
	for half, m := range []nat.Made{k.origin.Dst, k.origin.Src} {
		if k.rules[half] >= 0 {
			add(k.rules[half])
			traced = true
			continue
		}
		for _, r := range m.Rules {
			add(r.Rule.ID)
		}
	}
	return ids, traced
}

// judged is a flow with the classes of the rules that made its mapping, where one alone can
// have: by addresses a SNAT to an address of this host is taken for a MASQUERADE, or the
// other way round, where the rules have both.
func (k *known) judged(fl *flow.Flow) *flow.Flow {
	class := slices.Clone(fl.NAT.Class)
	for half, m := range []nat.Made{k.origin.Dst, k.origin.Src} {
		if len(m.Rules) != 1 {
			continue
		}
		pair := [][]flow.Class{{flow.ClassDNAT, flow.ClassRedirect}, {flow.ClassSNAT, flow.ClassMasquerade}}[half]
		for i, c := range class {
			if slices.Contains(pair, c) && slices.Contains(pair, m.Rules[0].Class) {
				class[i] = m.Rules[0].Class
			}
		}
	}
	if slices.Equal(class, fl.NAT.Class) {
		return fl
	}
	out := *fl
	out.NAT.Class = class
	return &out
}

// lines say which rules made the translation of a connection, and how that is known.
func (k *known) lines(fl *flow.Flow) (out [][2]string) {
	l := fl.Look()
	for half, m := range []nat.Made{k.origin.Dst, k.origin.Src} {
		name := [...]string{"destination by", "source by"}[half]
		if st := k.exact[half]; st != nil {
			out = append(out, [2]string{name, fmt.Sprintf("rule %d of %s %s (%s), traced: %s", st.Rule, st.Table, st.Chain, st.Backend, st.Text)})
			continue
		}
		if !nat.Translated(&l, half == 1) {
			continue
		}
		switch {
		case k.origin.Unknown != "":
			out = append(out, [2]string{name, k.origin.Unknown})
		case len(m.Rules) == 0 && m.Plain:
			out = append(out, [2]string{name, "no rule: the kernel chose another port, since the one of the client was taken (inferred)"})
		case len(m.Rules) == 0:
			out = append(out, [2]string{name, "a rule that is not there any more, or that matches no more"})
		case len(m.Rules) == 1:
			r := m.Rules[0]
			out = append(out, [2]string{name, fmt.Sprintf("rule %d of %s %s (%s), inferred: %s", r.Rule.Index, r.Table.Name, r.Chain.Name, r.Table.Backend, r.Rule.Text)})
		default:
			s := ""
			for i, r := range m.Rules {
				if i > 0 {
					s += " or "
				}
				s += fmt.Sprintf("rule %d of %s %s", r.Rule.Index, r.Table.Name, r.Chain.Name)
			}
			out = append(out, [2]string{name, s + " (inferred; which of them depends on what is not known)"})
		}
	}
	return out
}
