// Package store folds what a source says into the one picture of a session: rules
// and their counters, connections, journeys, and what was lost on the way.
package store

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
)

// Store is the state of a session. It is not safe for concurrent use, and has no
// clock: every Item carries its time.
type Store struct {
	version uint64
	host    feed.Host
	local   []netip.Prefix
	rules   *model.Ruleset
	reading *snapshot.Reading // nil while nothing is read
	counts  *model.Counts
	before  *model.Counts
	// apart is what was read apart from counts and before; nil where nothing was.
	apart  *snapshot.Apart
	sparks sparks
	// tracked is true where the rules ask for conntrack.
	tracked bool
	fold    *journey.Fold
	flows   *flow.Table
	drops   drop.Table
	watch   drop.Watch
	index   flowIndex
	names   *ruleset.Index // of rules
	table   snapshot.Flows
	health  health.Follower
	healthy *health.View
	trace   snapshot.Trace
	heard   feed.Heard
	lab     *snapshot.Lab
	// confirmed is when the ruleset was last known to be the one in force.
	confirmed time.Time
	problems  []string
	flowLoss  uint64
	flowGaps  uint64
	// dropped counts what queues threw away; the fold was told of the events among it.
	dropped, droppedEvents uint64
	ended                  bool
	rate                   rate
	events                 uint64
	dirty                  bool
	// idle is true while what is dirty is flows alone.
	idle     bool
	turnover turnover
}

// New makes an empty Store.
func New(o journey.Options) *Store {
	s := &Store{fold: journey.NewFold(o), flows: &flow.Table{}}
	s.index.Table = s.flows
	s.fold.SetFlows(&s.index)
	s.host = feed.Host{Name: "host", Source: "live"}
	return s
}

// Apply folds one item. Of an item with a Batch nobody else may have the Batch afterwards.
func (s *Store) Apply(it *feed.Item) {
	s.touch(it.Flows != nil)
	switch {
	case it.Rules != nil:
		s.setRules(it.Rules, it.Time)
	case it.Reading != nil:
		s.setReading(it.Reading)
	case it.Counts != nil:
		s.setCounts(it.Counts)
	case it.Partial != nil:
		s.setPart(it.Partial)
	case it.Event != nil:
		if it.Event.Source != journey.SourceGap {
			s.rate.add(it.Time, 1)
			s.events++
		}
		s.fold.Event(it.Event)
	case it.Events != nil:
		s.Fold(it.Events)
	case it.Flow != nil:
		switch it.Flow.Type { // a dump is a reading of ours
		case flow.EventNew, flow.EventUpdate, flow.EventDestroy:
			s.rate.add(it.Time, 1)
		}
		s.setFlow(it.Flow)
	case it.Drop != nil:
		s.rate.add(it.Time, it.Drop.Count)
		s.drops.Apply(it.Drop)
		s.fold.Drop(it.Drop)
	case it.Sight != nil:
		s.fold.Sight(it.Sight)
	case it.Beside != nil:
		s.fold.SetBeside(it.Beside.Netns, it.Beside.Rules)
	case it.Drops != nil:
		s.watch = *it.Drops
		s.fold.SetDrops(s.watch.Step == drop.StepBPF)
	case it.Flows != nil:
		if !it.Flows.Dumped() {
			s.rate.add(it.Time, uint64(len(it.Flows.Records)))
		}
		s.setFlows(it.Flows)
	case it.Table != nil:
		s.table = *it.Table
		s.index.told = it.Table.Told
		s.flows.SetTimeouts(it.Table.Timeouts)
		s.flows.SetExpectations(it.Table.Expected)
	case it.Health != nil:
		s.healthy = s.health.Next(it.Health)
	case it.Trace != nil:
		s.setTrace(it.Trace)
	case it.Lab != nil:
		s.setLab(it.Lab)
	case it.Heard != nil:
		s.heard = *it.Heard
	case it.Host != nil:
		s.setHost(it.Host)
	case it.Problem != "":
		s.problem(it.Problem)
	case it.Solved != "":
		s.problems = slices.DeleteFunc(slices.Clone(s.problems), func(p string) bool { return p == it.Solved })
	}
}

// Fold folds trace events that came together.
func (s *Store) Fold(l []journey.Event) {
	if len(l) == 0 {
		return
	}
	s.touch(false)
	s.rate.add(l[0].Time, uint64(len(l)))
	s.events += uint64(len(l))
	for i := range l {
		s.fold.Event(&l[i])
	}
}

// Dropped counts trace events, flow changes, drops and sights that a queue threw away before
// they came here. A lost flow change costs no journey anything, and the next dump mends it.
func (s *Store) Dropped(events, flows, drops, sights uint64) {
	if events+flows+drops+sights == 0 {
		return
	}
	s.dropped += events + flows + drops + sights
	if flows > 0 {
		s.index.lose()
	}
	s.touch(false)
	if events > 0 {
		s.droppedEvents += events
		s.fold.Event(&journey.Event{Source: journey.SourceGap, Lost: events})
	}
	if sights > 0 {
		s.droppedEvents += sights
		s.fold.Sight(&journey.Sight{Lost: sights})
	}
}

// End says that the source has nothing more to give.
func (s *Store) End() {
	s.fold.Flush()
	s.ended = true
	s.touch(false)
}

// Tick does what time does: quiet journeys close, destroyed flows fade out. A recording's
// time goes no further than what was heard when it was made.
func (s *Store) Tick(now time.Time) {
	if s.heard.Behind && now.After(s.heard.Before) {
		now = s.heard.Before
	}
	if s.fold.Tick(now) {
		s.touch(false)
	}
	if s.flows.Expire(now) > 0 {
		s.touch(true)
	}
	if s.turnover.tick(now, s.flows) {
		s.touch(false)
	}
	if s.rate.tick(now) {
		s.touch(false)
	}
	if s.drops.Tick(now) {
		s.touch(false)
	}
}

// touch says that something changed, flows alone or more.
func (s *Store) touch(flows bool) {
	s.idle = flows && (s.idle || !s.dirty)
	s.dirty = true
}

// Idle reports whether flows alone have changed since the last Snapshot: of those some
// always change.
func (s *Store) Idle() bool { return s.dirty && s.idle }

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
	return snapshot.Loss{Trace: lost - s.droppedEvents, Flows: s.flowLoss, Drops: s.watch.Merged, Gaps: gaps + s.flowGaps, Dropped: s.dropped}
}

// Snapshot freezes the state.
func (s *Store) Snapshot(now time.Time) *snapshot.Snapshot {
	s.version++
	s.dirty = false
	fl := s.table
	fl.Table, fl.Began, fl.Went = s.flows, s.turnover.began, s.turnover.went
	return &snapshot.Snapshot{
		Version: s.version, Time: now, Netns: s.host.Name, Source: s.host.Source,
		Rules: s.rules, Index: s.names, Reading: s.reading, Counts: s.counts, Previous: s.before, Apart: s.apart, Sparks: s.sparks.list(),
		ConntrackInUse: s.tracked || s.flows.Live() > 0, Local: s.local, Routes: s.host.Routes, Flows: fl, Health: s.healthy,
		Journeys: s.fold.Journeys(), Forgotten: s.fold.Forgotten(),
		Drops: snapshot.Drops{Rows: s.drops.Rows(), Watch: s.watch, Forgotten: s.drops.Forgotten()}, Trace: s.trace, Loss: s.Loss(),
		Events: s.events, EventsPerSecond: s.rate.last, Problems: slices.Clone(s.problems), Lab: s.lab, Ended: s.ended,
	}
}

// setTrace notes the trace's state. Journeys that its filter did not choose are let go
// when they are closed: more is armed than a filter says where the kernel cannot match
// a word of it, and another's trace shows its packets to us.
func (s *Store) setTrace(t *snapshot.Trace) {
	if t.Filter != s.trace.Filter || t.Both != s.trace.Both || t.Table != s.trace.Table {
		s.fold.SetChosen(nil, "")
		if f, err := filter.Parse(t.Filter); err == nil && !f.Empty() {
			chose, ours := f.Chose, ""
			if t.Both {
				chose = f.ChoseBoth(t.Table)
			}
			if len(f.After()) == 0 {
				ours = t.Table
			}
			s.fold.SetChosen(chose, ours)
		}
	}
	s.trace = *t
	s.fold.SetProbes(t.Method == snapshot.MethodOwner)
	s.fold.SetNoLegacy(t.NoLegacy)
	s.fold.SetNoNFT(t.NoNFT)
	s.fold.SetArmed(t.Armed)
	s.fold.SetFollowing(t.Method == snapshot.MethodPrograms)
}

// setReading notes how far a reading is. The outline is of use until there is a ruleset.
func (s *Store) setReading(r *snapshot.Reading) {
	if r.Over() {
		s.reading = nil
		return
	}
	n := *r
	if s.rules != nil {
		n.Outline, n.Waiting = nil, nil
	}
	s.reading = &n
}

func (s *Store) setRules(rs *model.Ruleset, at time.Time) {
	s.reading = nil
	confirmed := s.confirmed
	if s.rules != nil && sameText(s.rules, rs) {
		// The generation moves with everything in nf_tables, our own arming included.
		confirmed = time.Time{}
	}
	s.names = ruleset.NewIndex(rs)
	s.names.Prepare() // a page asks while it draws
	s.fold.SetRules(s.names, confirmed)
	s.rules, s.counts, s.before, s.apart = rs, rs.Counts(), nil, nil
	s.confirmed = at
	s.sparks.reset(rs, s.counts)
	s.tracked = asksConntrack(rs)
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
	if s.rules == nil || c.Generation != s.rules.Generation || len(c.Rules) != len(s.counts.Rules) || len(c.Chains) != len(s.counts.Chains) {
		return // of a ruleset that is gone, or not here yet
	}
	s.apart = afterAll(s.apart, s.counts, c)
	s.before, s.counts = s.counts, c
	s.confirmed = c.Taken
	s.sparks.add(c)
}

// asksConntrack reports whether the rules make packets meet conntrack: by a nat
// chain, or a match or statement that looks at the connection.
func asksConntrack(rs *model.Ruleset) bool {
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			if t.NAT(c) && c.Base() {
				return true
			}
			for i := range c.Rules {
				if meetsConntrack(t.Backend, c.Rules[i].Text) {
					return true
				}
			}
		}
	}
	return false
}

func meetsConntrack(b model.Backend, rule string) bool {
	if b == model.BackendNFTables {
		return strings.HasPrefix(rule, "ct ") || strings.Contains(rule, " ct ")
	}
	for _, what := range []string{"-m conn", "-m state ", "-j CONNMARK ", "-j CT "} { // -m connmark, connlimit, ...
		if strings.Contains(rule, what) {
			return !strings.Contains(rule, "--notrack")
		}
	}
	return false
}

func (s *Store) setFlow(e *flow.Event) {
	if e.Type == flow.EventGap {
		s.flowLoss += e.Lost
		if e.Lost == 0 {
			s.flowGaps++
		}
	}
	s.index.hear(e)
	s.flows.Apply(*e)
	s.index.followed = true
}

// setFlows takes many flows at once, and gives the memory back.
func (s *Store) setFlows(b *flow.Batch) {
	if b.Dumped() {
		s.index.had += len(b.Records)
	}
	s.flows.ApplyBatch(b)
	s.index.followed = true
	b.Release()
}

func (s *Store) setHost(h *feed.Host) {
	same := slices.Equal(s.host.Local, h.Local) // a million flows are looked at anew for nothing else
	if s.host = *h; !same {
		s.rehost()
	}
}

// rehost tells the flows what the namespace is like now.
func (s *Store) rehost() {
	var local []netip.Prefix // a snapshot may hold the one before
	for _, l := range s.host.Local {
		if p, err := netip.ParsePrefix(l); err == nil {
			local = append(local, p)
		}
	}
	s.local = local
	if s.rules == nil || len(local) == 0 {
		return
	}
	s.flows.SetHost(flow.HostFrom(s.rules, local))
}

// problem notes a sentence once; said again it moves to the end.
func (s *Store) problem(text string) {
	s.problems = slices.DeleteFunc(slices.Clone(s.problems), func(p string) bool { return p == text })
	s.problems = append(s.problems, text)
	if len(s.problems) > 50 {
		s.problems = s.problems[len(s.problems)-50:]
	}
}
