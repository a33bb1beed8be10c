package main

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/conntrack"
	"nfscope/trace/netns"
)

// connTable is conntrack's table as it is read, or followed.
type connTable struct {
	table flow.Table
	host  *connHost
	read  chan struct{} // has one where the table was read anew
	say   func(string)
	stats stats
}

func newConnTable(h *connHost) *connTable {
	t := &connTable{host: h, read: make(chan struct{}, 1), say: h.say, stats: stats{start: time.Now()}}
	if f := h.now.Load().flows; f != nil {
		t.table.SetHost(*f)
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
		switch it.Flow.Type {
		case flow.EventGap:
			t.stats.miss(it.Flow.Lost)
		case flow.EventDumpEnd:
			t.table.Expire(it.Time)
			select {
			case t.read <- struct{}{}:
			default:
			}
		}
	}
}

// looks goes through the flows that are wanted.
func (t *connTable) looks(wanted func(*flow.Look) bool) iter.Seq[*flow.Look] {
	return func(yield func(*flow.Look) bool) {
		t.table.Each(func(l *flow.Look) bool { return !wanted(l) || yield(l) })
	}
}

// eachReading calls show with the table when it was read, and with follow each time it was read
// again, every so often, until the user interrupts or show fails: a clock of its own would show
// the counters of the reading before. Where a reading takes long, or cannot be made, events are
// shown without it.
func (a *app) eachReading(r *conntrack.Reader, t *connTable, follow bool, every time.Duration, show func(at time.Time) error) error {
	a.live = true
	if !follow {
		if err := r.List(a.ctx, t.item); err != nil || a.ctx.Err() != nil {
			return err
		}
		return show(time.Now())
	}
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	defer t.host.follow(ctx, &t.table)()
	ended := make(chan error, 1)
	go func() { ended <- r.Watch(ctx, conntrack.Options{Resync: every}, t.item) }()
	err := t.rounds(ctx, ended, every, show)
	stop()
	if werr := <-ended; err == nil && a.ctx.Err() == nil {
		err = werr
	}
	return err
}

// rounds calls show for each reading until the context ends, the watching does, or show fails.
func (t *connTable) rounds(ctx context.Context, ended chan error, every time.Duration, show func(at time.Time) error) error {
	var late <-chan time.Time // never before the first reading
	for {
		select {
		case <-t.read:
		case <-late:
		case err := <-ended:
			ended <- err // it is for who began it
			return nil
		case <-ctx.Done():
			return nil
		}
		if err := show(time.Now()); err != nil {
			return err
		}
		late = time.After(every + every/10)
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

// sayer prints what does not work, each sentence once. It is safe for concurrent use.
func (a *app) sayer() func(string) {
	var mu sync.Mutex
	told := map[string]bool{}
	return func(s string) {
		mu.Lock()
		defer mu.Unlock()
		if !told[s] {
			told[s] = true
			fmt.Fprintln(a.err, "nfscope:", s)
		}
	}
}
