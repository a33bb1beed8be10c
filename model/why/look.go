package why

import (
	"slices"
	"sync"
	"time"

	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// The bounds of what a Look keeps.
const (
	mostDrops = 1000
	mostFlows = 5
)

// Look gathers what is seen of a flow while a trace of both its directions is armed. It
// is safe for concurrent use: drops come from their reader, snapshots from the store.
type Look struct {
	filter *filter.Filter
	both   *filter.Filter
	place  string

	mu    sync.Mutex
	began time.Time
	ended time.Time
	drops []*drop.Drop
	asked inquiries // of ARP and neighbour discovery
	over  uint64    // drops of the flow that were not kept
	probe *Probe
	snap  *snapshot.Snapshot
	// base and then are what was known to be lost when it began: what comes to be known later
	// may be of packets that it looks for.
	base snapshot.Loss
	then drop.Watch
	// calls are the base chains since they were registered, as the snapshots' rules told.
	calls registered
}

// NewLook makes a Look. place names the namespace, "" for the one we run in.
func NewLook(f *filter.Filter, place string) *Look {
	return &Look{filter: f, both: f.Both(), place: place}
}

// Begin says that from now on the flow is looked for: what was before does not count. Packets
// from just before, of which the journeys are taken, keep their drops.
func (l *Look) Begin(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.ended, l.over, l.base, l.then = now, time.Time{}, 0, snapshot.Loss{}, drop.Watch{}
	l.asked = inquiries{}
	l.drops = slices.DeleteFunc(l.drops, func(d *drop.Drop) bool { return !d.HasPacket() || d.Time.Before(now.Add(-early)) })
	if l.snap != nil {
		l.base, l.then = l.snap.Loss, l.snap.Drops.Watch
	}
}

// End says that the trace is about to end. A packet that is only dropped after that has been
// seen by nobody but the kernel, though the rule that dropped it is traced no more.
func (l *Look) End(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = now
}

// Drop takes what the kernel threw away.
func (l *Look) Drop(d *drop.Drop) {
	asks := cuts(d)
	if !asks && (d.HasPacket() && l.both.Drop(d) != filter.Yes || d.ARP != "") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if asks {
		if l.snap == nil || !abroad(d, l.snap.Drops.Watch.Netns) {
			l.asked.add(d)
		}
		return
	}
	if len(l.drops) >= mostDrops {
		l.over += d.Count
		return
	}
	l.drops = append(l.drops, d)
}

// Snapshot takes the newest picture of the session.
func (l *Look) Snapshot(s *snapshot.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snap = s
	if s == nil || s.Rules == nil || s.Rules == l.calls.rules {
		return
	}
	next := 1
	for _, j := range s.Journeys {
		next = max(next, j.Number+1)
	}
	l.calls.look(s.Rules, next)
}

// Probe says how far the packet of our own is.
func (l *Look) Probe(p Probe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.probe = &p
}

// Seen is what was seen so far; over says that no more is waited for.
func (l *Look) Seen(now time.Time, over bool) *Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &Seen{Filter: l.filter, Began: l.began, Over: over, Ended: l.ended, Drops: slices.Clone(l.drops), Asked: slices.Clone(l.asked.list), Unkept: l.asked.over, Place: l.place, Probe: l.probe}
	if l.began.IsZero() { // ended before anything was armed
		s.Drops = nil
		return s
	}
	if !l.ended.IsZero() { // what came later was traced no more
		now = l.ended
	}
	s.Looked = now.Sub(l.began)
	snap := l.snap
	if snap == nil {
		return s
	}
	chose := l.filter.ChoseBoth(snap.Trace.Table)
	for _, j := range snap.Journeys {
		if !j.Start.Before(l.began.Add(-early)) && chose(j) {
			s.Journeys = append(s.Journeys, j)
		}
	}
	s.Watch, s.Held = snap.Drops.Watch.Since(l.then), snap.Trace.Held
	s.Lost, s.Gaps = snap.Loss.Trace+snap.Loss.Dropped+snap.Loss.Drops, snap.Loss.Gaps
	s.Lost -= min(s.Lost, l.base.Trace+l.base.Dropped+l.base.Drops)
	s.Gaps -= min(s.Gaps, l.base.Gaps)
	s.Lost += l.over
	s.Mirrored = snap.Trace.Method == snapshot.MethodRaw
	s.Notes, s.Routes, s.Local = snap.Trace.Notes, snap.Routes, snap.Local
	if over {
		s.Flows = flowsOf(s, snap.Flows.Table)
	}
	return s
}

// flowsOf finds conntrack's entries of the flow: those of the packets, else those that the
// filter matches.
func flowsOf(s *Seen, t *flow.Table) (out []*flow.Flow) {
	if t == nil {
		return nil
	}
	add := func(f *flow.Flow) {
		if f != nil && len(out) < mostFlows && !slices.ContainsFunc(out, func(o *flow.Flow) bool { return o.Key() == f.Key() }) {
			out = append(out, f)
		}
	}
	for _, j := range s.Journeys {
		if j.Flow != 0 {
			add(t.ByID(j.Flow))
		}
	}
	if len(s.Journeys) > 0 {
		return out
	}
	for f := range t.All() {
		if s.Filter.Flow(f) {
			if add(f); len(out) == mostFlows {
				break
			}
		}
	}
	return out
}

// Simulation takes a packet of the filter through the rules of now; nil where that cannot
// be done.
func (l *Look) Simulation() *journey.Journey {
	return Simulate(l.filter, l.host())
}

// Suspects are the rules of now that may have dropped a packet.
func (l *Look) Suspects(d *drop.Drop) Suspects { return SuspectsOf(d, l.host()) }

// host is the namespace as it is now; without rules where none are known.
func (l *Look) host() Host {
	l.mu.Lock()
	snap, since := l.snap, l.calls.since
	l.mu.Unlock()
	if snap == nil || snap.Rules == nil {
		return Host{}
	}
	return Host{Index: snap.Names(snap.Rules), Local: snap.Local, Routes: snap.Routes, Journeys: snap.Journeys, Since: since}
}
