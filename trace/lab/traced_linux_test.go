package lab

import (
	"context"
	"os"
	"testing"
	"time"

	"nfscope/docs/labs"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/collect"
	"nfscope/trace/guard"
	"nfscope/trace/live"
	"nfscope/trace/nettest"
)

// TestTraced traces every lab while it plays, with everything nfscope has, and holds
// journeys, flows, counters and results against what the lab states.
func TestTraced(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	for _, name := range labs.Names() {
		for _, backend := range []string{"iptables-legacy", "iptables-nft"} {
			t.Run(name+"/"+backend, func(t *testing.T) {
				t.Parallel()
				traced(t, load(t, name).With("iptables-legacy", backend))
			})
		}
	}
}

func traced(t *testing.T, l *Lab) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.Start(exe)
	if err != nil {
		t.Fatal(err)
	}
	n := up(t, l)
	c := collect.New(store.New(journey.Options{}), time.Now)
	s, err := live.Open(n.Observed(), g, live.About{Name: l.Observed, Source: "lab " + l.Name}, func(it feed.Item) {
		if it.Problem != "" {
			t.Log("problem:", it.Problem)
		}
		c.Put(it)
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	snaps := make(chan *snapshot.Snapshot, 1)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		c.Run(ctx, func(s *snapshot.Snapshot) {
			select { // the newest wins
			case <-snaps:
			default:
			}
			snaps <- s
		})
	}()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		<-ran
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	f, err := filter.Parse(l.Filter)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rules(ctx); err != nil {
		t.Fatal(err)
	}
	s.Watch(ctx)
	if err := s.Arm(ctx, live.Trace{Filter: f}); err != nil {
		t.Fatal(err)
	}
	results, err := Play(ctx, n, c.Put, nil)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	var failures []Failure
	for {
		select {
		case snap := <-snaps:
			failures = Check(n.Lab(), Evidence{Results: results, Journeys: closed(snap), Flows: snap.Flows.List, Rules: snap.Rules, Counts: snap.Counts})
			if len(failures) == 0 {
				return
			}
		case <-deadline:
			for _, f := range failures {
				t.Error(f)
			}
			t.Fatal("the lab's statements did not come true in time")
		}
	}
}

func closed(s *snapshot.Snapshot) []*journey.Journey {
	list := []*journey.Journey{}
	for _, j := range s.Journeys {
		if j.Closed {
			list = append(list, j)
		}
	}
	return list
}
