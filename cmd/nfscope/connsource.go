package main

import (
	"fmt"
	"iter"
	"sync"
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
)

// connHost is what is known of a namespace besides its connections.
type connHost struct {
	index *ruleset.Index // of no rules where they could not be read
	host  nat.Host
	flows *flow.Host // nil where rules or addresses could not be read
}

// connHost reads the rules, the addresses and the routes. What cannot be read is missing,
// and said.
func (a *app) connHost(ns *netns.Handle, say func(string)) connHost {
	empty := &model.Ruleset{}
	empty.Number()
	h := connHost{index: ruleset.NewIndex(empty)}
	var err error
	if h.host.Local, err = conntrack.LocalAddrs(ns); err != nil {
		say(err.Error())
	}
	if h.host.Routes, err = conntrack.Routes(ns); err != nil {
		say(err.Error())
	}
	rr, err := rules.Open(ns)
	if err != nil {
		say(err.Error())
		return h
	}
	defer rr.Close()
	rs, err := rr.Snapshot(a.ctx)
	if err != nil {
		say(err.Error())
		return h
	}
	h.index = ruleset.NewIndex(rs)
	if len(h.host.Local) > 0 {
		fh := flow.HostFrom(rs, h.host.Local)
		h.flows = &fh
	}
	return h
}

// wanted makes the test of a filter; what it asks about rules is asked of those that were
// read. It is used by one goroutine.
func (h *connHost) wanted(fl *filter.Filter) func(*flow.Look) bool {
	if !fl.AsksRules() {
		return fl.Look
	}
	by := nat.Ruling{Finder: nat.NewFinder(h.index, h.host)}
	return func(l *flow.Look) bool { return fl.LookBy(l, by) }
}

// connTable is conntrack's table as it is read, or followed.
type connTable struct {
	table flow.Table
	ready chan struct{} // closed when the first reading is done
	once  sync.Once
	say   func(string)
}

func newConnTable(h connHost, say func(string)) *connTable {
	t := &connTable{ready: make(chan struct{}), say: say}
	if h.flows != nil {
		t.table.SetHost(*h.flows)
	}
	return t
}

func (t *connTable) item(it feed.Item) {
	switch {
	case it.Problem != "":
		t.say(it.Problem)
	case it.Flows != nil:
		t.table.ApplyBatch(it.Flows)
		it.Flows.Release()
	case it.Flow != nil:
		t.table.Apply(*it.Flow)
		if it.Flow.Type == flow.EventDumpEnd {
			t.table.Expire(it.Time)
			t.once.Do(func() { close(t.ready) })
		}
	}
}

// looks goes through the flows that are wanted.
func (t *connTable) looks(wanted func(*flow.Look) bool) iter.Seq[*flow.Look] {
	return func(yield func(*flow.Look) bool) {
		t.table.Each(func(l *flow.Look) bool { return !wanted(l) || yield(l) })
	}
}

// eachReading calls show with the table when it was read, and with follow every so often
// until the user interrupts or show fails.
func (a *app) eachReading(r *conntrack.Reader, t *connTable, follow bool, every time.Duration, show func(at time.Time) error) error {
	if !follow {
		if err := r.List(a.ctx, t.item); err != nil {
			return err
		}
		return show(time.Now())
	}
	a.live = true
	ctx, stop := withCancel(a.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.Watch(ctx, conntrack.Options{Resync: every}, t.item) }()
	finish := func(err error) error {
		stop()
		if werr := <-ended; err == nil && a.ctx.Err() == nil {
			err = werr
		}
		return err
	}
	select {
	case <-t.ready:
	case err := <-ended:
		return err
	case <-a.ctx.Done():
		return finish(nil)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := show(time.Now()); err != nil {
			return finish(err)
		}
		select {
		case <-tick.C:
		case err := <-ended:
			if a.ctx.Err() != nil {
				return nil
			}
			return err
		case <-a.ctx.Done():
			return finish(nil)
		}
	}
}

// connReader opens conntrack for a command.
func (a *app) connReader() (*netns.Handle, *conntrack.Reader, error) {
	ns, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	if err := needAdmin("reading conntrack"); err != nil {
		return nil, nil, err
	}
	r, err := conntrack.Open(ns)
	return ns, r, err
}

// sayer prints what does not work, each sentence once.
func (a *app) sayer() func(string) {
	told := map[string]bool{}
	return func(s string) {
		if !told[s] {
			told[s] = true
			fmt.Fprintln(a.err, "nfscope:", s)
		}
	}
}
