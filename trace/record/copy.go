package record

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
)

// Span is a part of a recording, from its begin on; To 0 is to the end. The zero Span is
// all of it.
type Span struct{ From, To time.Duration }

// Copy writes the recording again, in the present form, through a Redactor where it is
// not nil. What is damaged or unknown is written as the Problem that says so.
//
// Of a Span the events are written that happened in it. What holds at its begin (rules,
// counters, connections, the host) is written in front of them, as of then; so a packet
// that was under way at either end is there in part.
func (f *File) Copy(ctx context.Context, to io.Writer, r *Redactor, s Span) error {
	e, err := NewEncoder(to, f.Header, r)
	if err != nil {
		return err
	}
	first, last := f.Span()
	from, until := first.Add(s.From), last
	if s.To > 0 {
		until = first.Add(s.To)
	}
	var before state
	begun, now := s.From == 0, first
	for i := range f.Blocks() {
		list, err := f.Block(i)
		if err != nil {
			return err
		}
		for k := range list {
			it := &list[k]
			if it.Time.IsZero() { // it has no time of its own: at once
				it.Time = now
			}
			now = it.Time
			at := happened(it)
			switch {
			case at.After(until):
				continue
			case begun && at.Before(from):
				if it.Event != nil || it.Flow != nil || it.Drop != nil || it.Sight != nil {
					continue // it comes late, and is of before
				}
				it.Time = from
			case !begun && at.Before(from):
				before.take(it)
				continue
			case !begun:
				begun = true
				if err := before.give(from, e.Put); err != nil {
					return err
				}
			}
			if err := e.Put(it); err != nil {
				return err
			}
		}
		before.flows.Expire(now)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if !begun {
		if err := before.give(from, e.Put); err != nil {
			return err
		}
	}
	end := End{Why: "the recording that was copied is cut short", Time: last}
	if f.End != nil {
		end = *f.End
	}
	if until.Before(last) {
		end = End{Why: "the part that was copied ends here", Time: until}
	}
	return e.Close(end)
}

// happened is when what an item tells of was: an event is told of some time after it.
func happened(it *feed.Item) time.Time {
	switch {
	case it.Event != nil && !it.Event.Time.IsZero():
		return it.Event.Time
	case it.Flow != nil && !it.Flow.Time.IsZero():
		return it.Flow.Time
	case it.Drop != nil && !it.Drop.Time.IsZero():
		return it.Drop.Time
	case it.Sight != nil && !it.Sight.Time.IsZero():
		return it.Sight.Time
	}
	return it.Time
}

// state is what the items before a part add up to, packets aside.
type state struct {
	// newest are the last ones of their kinds, in the order in which a source tells them.
	host, rules, counts, table, drops, trace, heard, lab *feed.Item
	// part are newer counters than counts, of some rules and chains.
	part *part
	// beside are those of other namespaces' rules, by name.
	beside   map[string]*feed.Item
	problems []*feed.Item
	flows    flow.Table
	dumped   bool
}

func (s *state) take(it *feed.Item) {
	c := *it
	switch {
	case it.Host != nil:
		s.host = &c
	case it.Rules != nil:
		s.rules, s.counts, s.part = &c, nil, nil // counters belong to a ruleset
	case it.Beside != nil:
		if s.beside == nil {
			s.beside = map[string]*feed.Item{}
		}
		s.beside[it.Beside.Netns] = &c
	case it.Counts != nil:
		s.counts, s.part = &c, nil
	case it.Partial != nil:
		s.part = s.part.and(it.Partial)
	case it.Table != nil:
		s.table = &c
	case it.Drops != nil:
		s.drops = &c
	case it.Trace != nil:
		s.trace = &c
	case it.Heard != nil:
		s.heard = &c
	case it.Lab != nil:
		s.lab = &c
	case it.Problem != "":
		s.problems = append(s.problems, &c)
	case it.Flow != nil:
		s.flows.Apply(*it.Flow)
		s.dumped = s.dumped || it.Flow.Type == flow.EventDumpEnd
	}
}

// part is what the counters that were read apart from the others add up to.
type part struct {
	newest        *model.Partial
	rules, chains map[int]model.Counters
}

// and adds a later reading; one of another ruleset begins anew.
func (p *part) and(n *model.Partial) *part {
	if p == nil || p.newest.Generation != n.Generation {
		p = &part{rules: map[int]model.Counters{}, chains: map[int]model.Counters{}}
	}
	p.newest = n
	for _, c := range n.Rules {
		p.rules[c.ID] = c.Counters
	}
	for _, c := range n.Chains {
		p.chains[c.ID] = c.Counters
	}
	return p
}

// item is all of it at once, nil where there is none.
func (p *part) item() *feed.Item {
	if p == nil {
		return nil
	}
	list := func(m map[int]model.Counters) (out []model.Numbered) {
		for _, id := range slices.Sorted(maps.Keys(m)) {
			out = append(out, model.Numbered{ID: id, Counters: m[id]})
		}
		return out
	}
	return &feed.Item{Partial: &model.Partial{Generation: p.newest.Generation, Taken: p.newest.Taken, Rules: list(p.rules), Chains: list(p.chains)}}
}

// give puts the items that lead to the state at once.
func (s *state) give(at time.Time, put func(*feed.Item) error) error {
	list := append([]*feed.Item{s.host, s.rules, s.counts, s.part.item(), s.table}, s.connections(at)...)
	for _, netns := range slices.Sorted(maps.Keys(s.beside)) { // before the trace that goes through them
		list = append(list, s.beside[netns])
	}
	list = append(append(list, s.drops, s.trace, s.heard, s.lab), s.problems...)
	for _, it := range list {
		if it == nil {
			continue
		}
		it.Time = at
		if err := put(it); err != nil {
			return err
		}
	}
	return nil
}

// connections are a reading of the conntrack table as it was; where none was ended, they
// are told without the end of one.
func (s *state) connections(at time.Time) []*feed.Item {
	list := s.flows.List()
	if len(list) == 0 && !s.dumped {
		return nil
	}
	out := []*feed.Item{{Flow: &flow.Event{Type: flow.EventDumpBegin, Time: at}}}
	for _, f := range list {
		if f.Gone.IsZero() {
			out = append(out, &feed.Item{Flow: &flow.Event{Type: flow.EventDump, Time: at, Flow: f}})
		}
	}
	if s.dumped {
		out = append(out, &feed.Item{Flow: &flow.Event{Type: flow.EventDumpEnd, Time: at, Flows: len(out) - 1}})
	}
	return out
}
