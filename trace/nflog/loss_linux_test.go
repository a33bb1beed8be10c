package nflog

import (
	"context"
	"regexp"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// flooded gives one event for each packet to port 4000 of loopback: the rule behind
// TRACE drops it.
const flooded = "*raw\n-A OUTPUT -p udp --dport 4000 -j TRACE\n-A OUTPUT -p udp --dport 4000 -j DROP\nCOMMIT\n"

var dropped = regexp.MustCompile(`\[(\d+):\d+\] -A OUTPUT .* -j DROP`)

// Every event that a small buffer could not take is counted, the gaps stand where
// the events are missing, and a loss at the end is told too.
func TestLoss(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-legacy-save")
	ns := nettest.New(t, "loss")
	arm(t, ns)
	nettest.Feed(t, ns, flooded, "iptables-legacy-restore", "-w")
	const packets = 20_000
	r, err := Open(ns, TraceGroup, Options{Buffer: 100 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done, end := make(chan error, 1), make(chan bool)
	started, release := make(chan bool), make(chan bool)
	var events, lost uint64
	go func() {
		done <- r.Run(ctx, nettest.EachEvent(func(e journey.Event) {
			if events+lost == 0 { // the kernel has time to fill the buffer
				close(started)
				<-release
			}
			at := events + lost // the number of the event that is due
			if e.Source == journey.SourceGap {
				lost += e.Lost
				at += e.Lost - 1
			} else {
				events++
			}
			if e.Seq != at {
				t.Errorf("event %+v, number %d is due", e, at)
			}
			if events+lost == packets {
				close(end)
			}
		}))
	}()
	wait := func(c chan bool, what string) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(nettest.InVain):
			cancel()
			t.Fatalf("%s did not come: %v; %d events and %d lost of %d", what, <-done, events, lost, packets)
		}
	}
	nettest.SendNumbers(t, ns, 0, 1)
	wait(started, "the first event")
	nettest.SendNumbers(t, ns, 1, 5000) // runs over while nothing is read
	close(release)
	nettest.SendNumbers(t, ns, 5000, packets)
	wait(end, "the last event")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if m := dropped.FindStringSubmatch(nettest.Run(t, ns, "iptables-legacy-save", "-c", "-t", "raw")); m == nil || m[1] != "20000" {
		t.Errorf("the kernel counted %v packets", m)
	}
	t.Logf("%d events, %d lost", events, lost)
	if lost == 0 {
		t.Error("the buffer was too large to lose anything")
	}
	if r.Lost() != lost || r.Stats().Events != events {
		t.Errorf("%+v, the gaps say %d", r.Stats(), lost)
	}
}

// With the buffer that a live trace asks for, the same flood is taken whole, each event
// later than the one before it.
func TestNoLoss(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "whole")
	arm(t, ns)
	nettest.Feed(t, ns, flooded, "iptables-legacy-restore", "-w")
	l := listen(t, ns, Options{})
	if s := l.r.Stats(); s.Note != "" {
		nettest.Skip(t, s.Note)
	}
	go nettest.SendNumbers(t, ns, 0, 20_000)
	deadline := time.After(nettest.InVain)
	var last time.Time
	for i := range 20_000 {
		select {
		case e := <-l.C:
			if e.Source == journey.SourceGap || e.Seq != uint64(i) || !e.Time.After(last) {
				t.Fatalf("event %d after %v: %+v", i, last, e)
			}
			last = e.Time
		case <-deadline:
			t.Fatalf("%d events came", i)
		}
	}
}

// Events that nobody read when the trace ended are told as a gap.
func TestUnreadAtTheEnd(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "unread")
	arm(t, ns)
	nettest.Feed(t, ns, flooded, "iptables-legacy-restore", "-w")
	r, err := Open(ns, TraceGroup, Options{})
	if err != nil {
		t.Fatal(err)
	}
	nettest.TellsUnread(t, ns, r)
}
