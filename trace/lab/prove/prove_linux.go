package prove

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/collect"
	"nfscope/trace/guard"
	"nfscope/trace/lab"
	"nfscope/trace/live"
)

// patience is how long the last events, flows and drops are waited for, from the first
// counters on that were read when the lab was played: they are read every second, and on a
// machine that is too busy for that nothing else is on time either.
const patience = 10 * time.Second

// most is how long is waited for those counters, and for the first word on drops.
const most = time.Minute

// traceRate is above what a lab sends, so that nothing of it is held back.
const traceRate = 1000

// Run plays the network's lab once and says what of its statements was not so. An error
// means that it could not be looked at. log is a session's (live.About).
func Run(ctx context.Context, n *lab.Network, g *guard.Guard, log *slog.Logger) (seen *Seen, err error) {
	return run(ctx, n, n.Lab(), g, log)
}

// run is Run for what l states of the network.
func run(ctx context.Context, n *lab.Network, l *lab.Lab, g *guard.Guard, log *slog.Logger) (seen *Seen, err error) {
	f, err := filter.Parse(l.Filter)
	if err != nil {
		return nil, fmt.Errorf("lab %s: %w", l.Name, err)
	}
	before, err := n.Counted()
	if err != nil {
		return nil, err
	}
	seen = &Seen{}
	var mu sync.Mutex
	c := collect.New(store.New(journey.Options{}), time.Now)
	s, err := live.Open(n.Observed(), g, live.About{Name: l.Observed, Source: "lab " + l.Name, Log: log}, func(it feed.Item) {
		if it.Problem != "" {
			mu.Lock()
			seen.Problems = append(seen.Problems, it.Problem)
			mu.Unlock()
		}
		c.Put(it)
	})
	if err != nil {
		return nil, err
	}
	c.Hear(s.Heard)
	newest, end := follow(c)
	defer func() {
		err = errors.Join(err, s.Close())
		end()
	}()
	if _, err := s.Rules(ctx); err != nil {
		return nil, err
	}
	s.Watch(ctx)
	if err := s.Arm(ctx, live.Trace{Filter: f, For: 5 * time.Minute, Rate: traceRate}); err != nil {
		return nil, err
	}
	if err := watching(ctx, newest); err != nil {
		return nil, err
	}
	if seen.Results, err = lab.Play(ctx, n, c.Put, nil); err != nil {
		return nil, err
	}
	after, err := n.Counted()
	if err != nil {
		return nil, err
	}
	seen.Counted = after.Since(before)
	played, enough := time.Now(), time.NewTimer(most)
	defer enough.Stop()
	for counted := false; ; {
		select {
		case snap := <-newest:
			seen.in(snap)
			if seen.Failures = lab.Check(l, seen.Evidence); len(seen.Failures) == 0 {
				return seen, nil
			}
			if !counted && snap.Counts != nil && snap.Counts.Taken.After(played) {
				counted = true
				enough.Reset(patience)
			}
		case <-enough.C:
			if seen.Rules == nil {
				return nil, fmt.Errorf("lab %s: it was played, and nothing of it was seen within %v", l.Name, most)
			}
			return seen, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// in takes what a picture shows.
func (s *Seen) in(snap *snapshot.Snapshot) {
	s.Journeys, s.Flows, s.Rules, s.Counts, s.Drops = closed(snap), snap.Flows.Table.List(), snap.Rules, snap.Counts, &snap.Drops
	if s.Flows == nil {
		s.Flows = []*flow.Flow{} // looked at, and there are none
	}
	look := miss.New(miss.In(snap))
	s.Misses = func(j *journey.Journey) *journey.Journey { return look.Look(j, 0) }
}

// watching waits until drops are watched, one way or the other: that begins beside the
// rest, and what is dropped before is not told. Where it does not begin the lab is played
// all the same.
func watching(ctx context.Context, newest <-chan *snapshot.Snapshot) error {
	late := time.NewTimer(most)
	defer late.Stop()
	for {
		select {
		case s := <-newest:
			if s.Drops.Watch.Step != "" {
				return nil
			}
		case <-late.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// follow runs the collector; the newest picture waits in the channel until end is called.
func follow(c *collect.Collector) (newest chan *snapshot.Snapshot, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	newest = make(chan *snapshot.Snapshot, 1)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		c.Run(ctx, func(s *snapshot.Snapshot) {
			select { // the newest wins
			case <-newest:
			default:
			}
			newest <- s
		})
	}()
	return newest, func() { cancel(); <-ran }
}
