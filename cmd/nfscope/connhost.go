package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
	"nfscope/trace/conntrack"
	"nfscope/trace/netns"
	"nfscope/trace/rules"
	"nfscope/trace/sets"
)

// connHost is what is known of a namespace besides its connections: its rules, addresses
// and routes, as they were read or, where they are followed, as they are now.
type connHost struct {
	ns    *netns.Handle
	say   func(string)
	rules *rules.Reader // nil where they cannot be read
	every time.Duration // is between two looks at their generation
	inSet nat.InSet
	now   atomic.Pointer[standing]
	mu    sync.Mutex // held while now is made
}

// standing is what a connHost knows at one time.
type standing struct {
	rules  *model.Ruleset // nil where they could not be read
	index  *ruleset.Index // of no rules then
	around conntrack.Around
	host   nat.Host
	flows  *flow.Host // nil where rules or addresses could not be read
}

// connHost reads the rules, the addresses and the routes. What cannot be read is missing,
// and said.
func (a *app) connHost(ns *netns.Handle, say func(string)) *connHost {
	h := &connHost{ns: ns, say: say, every: a.anew()}
	if sr, err := sets.Open(ns); err == nil {
		a.later(func() { _ = sr.Close() })
		h.inSet = sets.NewLookup(sr).Patient().In
	}
	around, err := conntrack.ReadAround(ns)
	if err != nil {
		say(err.Error())
	}
	var rs *model.Ruleset
	if h.rules, err = rules.Open(ns); err == nil {
		a.later(func() { _ = h.rules.Close() })
		rs, err = h.rules.Snapshot(a.ctx)
	}
	if err != nil && a.ctx.Err() == nil {
		say(err.Error())
	}
	h.stand(rs, around)
	return h
}

func (h *connHost) stand(rs *model.Ruleset, around conntrack.Around) *standing {
	n := &standing{rules: rs, around: around, host: nat.Host{Local: around.Local, Routes: around.Routes, InSet: h.inSet}}
	switch old := h.now.Load(); {
	case rs == nil:
		empty := &model.Ruleset{}
		empty.Number()
		n.index = ruleset.NewIndex(empty)
	case old != nil && old.rules == rs:
		n.index = old.index
	default:
		n.index = ruleset.NewIndex(rs)
	}
	if rs != nil && len(around.Local) > 0 {
		f := flow.HostFrom(rs, around.Local)
		n.flows = &f
	}
	h.now.Store(n)
	return n
}

// follow keeps what is known up to date, and the classes of a table's flows with it, until
// the function it gives is called.
func (h *connHost) follow(ctx context.Context, t *flow.Table) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	change := func(rs *model.Ruleset, around *conntrack.Around) {
		h.mu.Lock()
		defer h.mu.Unlock()
		old := h.now.Load()
		if rs == nil {
			rs = old.rules
		}
		if around == nil {
			around = &old.around
		}
		if n := h.stand(rs, *around); n.flows != nil {
			t.SetHost(*n.flows)
		}
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := conntrack.FollowAround(ctx, h.ns, h.now.Load().around, func(a conntrack.Around) { change(nil, &a) }); err != nil {
			h.say(err.Error())
		}
	})
	if h.rules != nil {
		running.Go(func() {
			h.rules.Watch(ctx, h.every, func(it feed.Item) {
				if rs := it.Rules; rs != nil && (h.now.Load().rules == nil || h.now.Load().rules.Generation != rs.Generation) {
					change(rs, nil)
				}
			})
		})
	}
	return func() { stop(); running.Wait() }
}

// wanted makes the test of a filter; what it asks about rules is asked of those in force.
// It is used by one goroutine.
func (h *connHost) wanted(fl *filter.Filter) func(*flow.Look) bool {
	if !fl.AsksRules() {
		return fl.Look
	}
	var of *standing
	var by nat.Ruling
	return func(l *flow.Look) bool {
		if now := h.now.Load(); now != of {
			of, by = now, nat.Ruling{Finder: nat.NewFinder(now.index, now.host)}
		}
		return fl.LookBy(l, by)
	}
}
