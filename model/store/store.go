// Package store folds what a source says into the one picture of a session: rules
// and their counters, connections, journeys, and what was lost on the way.
package store

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
)

// sparkLength is how many rates a spark has.
const sparkLength = 16

// Store is the state of a session. It is not safe for concurrent use, and has no
// clock: every Item carries its time.
type Store struct {
	version uint64
	host    feed.Host
	rules   *model.Ruleset
	counts  *model.Counts
	before  *model.Counts
	sparks  map[string][]float64
	fold    *journey.Fold
	flows   flow.Table
	index   flowIndex
	list    []*flow.Flow // nil when flows changed
	table   snapshot.Flows
	trace   snapshot.Trace
	lab     *snapshot.Lab
	// confirmed is when the ruleset was last known to be the one in force.
	confirmed time.Time
	problems  []string
	flowLoss  uint64
	flowGaps  uint64
	dropped   uint64
	ended     bool
	rate      rate
	events    uint64
	dirty     bool
}

// New makes an empty Store.
func New(o journey.Options) *Store {
	s := &Store{fold: journey.NewFold(o), sparks: map[string][]float64{}, index: newFlowIndex()}
	s.fold.SetFlows(&s.index)
	s.host = feed.Host{Name: "host", Source: "live"}
	return s
}

// Apply folds one item.
func (s *Store) Apply(it *feed.Item) {
	s.dirty = true
	switch {
	case it.Rules != nil:
		s.setRules(it.Rules, it.Time)
	case it.Counts != nil:
		s.setCounts(it.Counts)
	case it.Event != nil:
		s.rate.add(it.Time, 1)
		s.events++
		s.fold.Event(it.Event)
	case it.Flow != nil:
		s.rate.add(it.Time, 1)
		s.setFlow(it.Flow)
	case it.Table != nil:
		s.table = *it.Table
	case it.Trace != nil:
		s.trace = *it.Trace
		s.fold.SetProbes(it.Trace.Method == snapshot.MethodOwner)
	case it.Lab != nil:
		s.lab = it.Lab
	case it.Host != nil:
		s.setHost(it.Host)
	case it.Problem != "":
		s.problem(it.Problem)
	}
}

// Dropped counts items that a queue threw away before they came here.
func (s *Store) Dropped(n uint64) {
	if n > 0 {
		s.dropped += n
		s.dirty = true
		s.fold.Event(&journey.Event{Source: journey.SourceGap, Lost: n})
	}
}

// End says that the source has nothing more to give.
func (s *Store) End() {
	s.fold.Flush()
	s.ended, s.dirty = true, true
}

// Tick does what time does: quiet journeys close, destroyed flows fade out.
func (s *Store) Tick(now time.Time) {
	if s.fold.Tick(now) {
		s.dirty = true
	}
	if s.flows.Expire(now) > 0 {
		s.list, s.dirty = nil, true
		s.index.rebuild(s.flows.List())
	}
	if s.rate.tick(now) {
		s.dirty = true
	}
}

// Dirty reports whether anything changed since the last Snapshot.
func (s *Store) Dirty() bool { return s.dirty }

// Journeys gives the journeys as they are known.
func (s *Store) Journeys() []*journey.Journey { return s.fold.Journeys() }

// Events counts the trace events folded.
func (s *Store) Events() uint64 { return s.events }

// Loss counts what was lost so far.
func (s *Store) Loss() snapshot.Loss {
	lost, gaps := s.fold.Lost()
	// The fold was told of what the queue dropped; it is counted once.
	return snapshot.Loss{Trace: lost - s.dropped, Flows: s.flowLoss, Gaps: gaps + s.flowGaps, Dropped: s.dropped}
}

// Snapshot freezes the state.
func (s *Store) Snapshot(now time.Time) *snapshot.Snapshot {
	s.version++
	s.dirty = false
	if s.list == nil {
		s.list = s.flows.List()
	}
	fl := s.table
	fl.List = s.list
	return &snapshot.Snapshot{
		Version: s.version, Time: now, Netns: s.host.Name, Source: s.host.Source,
		Rules: s.rules, Counts: s.counts, Previous: s.before, Sparks: s.chainSparks(),
		ConntrackInUse: s.conntrack(), Flows: fl,
		Journeys: s.fold.Journeys(), Forgotten: s.fold.Forgotten(), Trace: s.trace, Loss: s.Loss(),
		EventsPerSecond: s.rate.last, Problems: slices.Clone(s.problems), Lab: s.lab, Ended: s.ended,
	}
}

func (s *Store) setRules(rs *model.Ruleset, at time.Time) {
	confirmed := s.confirmed
	if s.rules != nil && sameText(s.rules, rs) {
		// The generation moves with everything in nf_tables, our own arming included.
		confirmed = time.Time{}
	}
	s.fold.SetRules(ruleset.NewIndex(rs), confirmed)
	s.rules, s.counts, s.before = rs, rs.Counts(), nil
	s.confirmed = at
	s.rehost()
}

// sameText reports whether two rulesets have the same rules in the same places.
func sameText(a, b *model.Ruleset) bool {
	return slices.EqualFunc(a.Tables, b.Tables, func(t, u *model.Table) bool {
		return t.Backend == u.Backend && t.Family == u.Family && t.Name == u.Name &&
			slices.EqualFunc(t.Chains, u.Chains, func(c, d *model.Chain) bool {
				return c.Name == d.Name && c.Hook == d.Hook && c.Priority == d.Priority && c.Policy == d.Policy &&
					slices.EqualFunc(c.Rules, d.Rules, func(r, s model.Rule) bool { return r.Handle == s.Handle && r.Text == s.Text })
			})
	})
}

func (s *Store) setCounts(c *model.Counts) {
	if s.rules == nil || c.Generation != s.rules.Generation || len(c.Rules) != len(s.counts.Rules) {
		return // of a ruleset that is gone, or not here yet
	}
	s.before, s.counts = s.counts, c
	s.confirmed = c.Taken
	dt := c.Taken.Sub(s.before.Taken).Seconds()
	if dt <= 0 {
		return
	}
	for _, t := range s.rules.Tables {
		for _, ch := range t.Chains {
			a, b := Passed(ch, s.before), Passed(ch, c)
			if !b.Valid || b.Packets < a.Packets {
				continue
			}
			k := chainKey(t, ch)
			l := append(s.sparks[k], float64(b.Packets-a.Packets)/dt)
			if len(l) > sparkLength {
				l = slices.Clone(l[len(l)-sparkLength:])
			}
			s.sparks[k] = l
		}
	}
}

// Passed is how many packets went through a chain as far as counters tell: its own
// where the backend keeps one (the policy's counter), plus those of its rules that
// end the walk. Counters of a chain are of its policy only.
func Passed(ch *model.Chain, c *model.Counts) model.Counters {
	sum := c.Chains[ch.ID]
	for i := range ch.Rules {
		r := &ch.Rules[i]
		if n := c.Rules[r.ID]; n.Valid && r.Verdict() != model.VerdictContinue && r.Jump == "" {
			sum.Packets += n.Packets
			sum.Bytes += n.Bytes
			sum.Valid = true
		}
	}
	return sum
}

func chainKey(t *model.Table, c *model.Chain) string {
	return fmt.Sprintf("%s %s %s %s", t.Backend, t.Family, t.Name, c.Name)
}

func (s *Store) chainSparks() [][]float64 {
	if s.rules == nil {
		return nil
	}
	chains, _ := s.rules.Size()
	out := make([][]float64, chains)
	if len(s.sparks) == 0 {
		return out
	}
	for _, t := range s.rules.Tables {
		for _, c := range t.Chains {
			if c.Base() {
				out[c.ID] = slices.Clone(s.sparks[chainKey(t, c)])
			}
		}
	}
	return out
}

// conntrack reports whether packets meet conntrack here: entries exist, or a nat
// table or a conntrack match asks for it.
func (s *Store) conntrack() bool {
	if s.flows.Live() > 0 {
		return true
	}
	if s.rules == nil {
		return false
	}
	for _, t := range s.rules.Tables {
		for _, c := range t.Chains {
			if c.Type == "nat" || t.Backend != model.BackendNFTables && t.Name == "nat" {
				return true
			}
		}
	}
	return false
}

func (s *Store) setFlow(e *flow.Event) {
	s.list = nil
	if e.Type == flow.EventGap {
		s.flowLoss += e.Lost
		if e.Lost == 0 {
			s.flowGaps++
		}
	}
	s.flows.Apply(*e)
	switch {
	case e.Type == flow.EventDumpEnd:
		s.index.rebuild(s.flows.List())
	case e.Flow != nil:
		if f := s.flows.Get(e.Flow.Key()); f != nil {
			s.index.put(f)
		}
	}
}

func (s *Store) setHost(h *feed.Host) {
	s.host = *h
	s.rehost()
}

// rehost tells the flows what the namespace is like now.
func (s *Store) rehost() {
	var local []netip.Prefix
	for _, l := range s.host.Local {
		if p, err := netip.ParsePrefix(l); err == nil {
			local = append(local, p)
		}
	}
	if s.rules == nil || len(local) == 0 {
		return
	}
	s.flows.SetHost(flow.HostFrom(s.rules, local))
	s.list = nil
	s.index.rebuild(s.flows.List())
}

// problem notes a sentence once; said again it moves to the end.
func (s *Store) problem(text string) {
	s.problems = slices.DeleteFunc(slices.Clone(s.problems), func(p string) bool { return p == text })
	s.problems = append(s.problems, text)
	if len(s.problems) > 50 {
		s.problems = s.problems[len(s.problems)-50:]
	}
}
