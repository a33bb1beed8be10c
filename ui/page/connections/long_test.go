package connections

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// longPage is the page with more connections than are put in order at once.
func longPage(t *testing.T, n int) (*Page, *page.Frame) {
	t.Helper()
	f := frame(theme.Options{}, 160, 30)
	s := *f.Snap
	s.Flows.Table, s.Rules = flowtest.Gateway(n, false), nil // without rules nothing else is to do
	f.Snap = &s
	return New(), f
}

// piece does the next piece of work and tells whether there was one.
func piece(p *Page, f *page.Frame) bool {
	run := p.Work(f)
	if run != nil {
		p.Done(run(), f)
	}
	return run != nil
}

func finish(p *Page, f *page.Frame) {
	for piece(p, f) {
	}
}

var progress = regexp.MustCompile(`ed by [^%]* (\d+) %`)

// A long list is made beside the screen: the old one stays and can be moved in, how far the
// new one is stands above it, and the chosen connection is under the cursor in both.
func TestLongListIsMadeBeside(t *testing.T) {
	t.Parallel()
	p, f := longPage(t, 265_000)
	if got := text(p, f); !strings.Contains(got, "putting the connections in order") {
		t.Fatalf("before there is a list:\n%s", got)
	}
	finish(p, f)
	p.Do(keys.Down, f)
	p.Do(keys.Down, f)
	chosen, old := p.Selected().Key(), p.order.view
	for _, step := range []struct {
		do   func()
		says string
	}{
		{func() { p.Do(keys.Sort, f) }, "ordered by protocol"},
		{func() { p.Do(keys.SortBack, f) }, "ordered by protocol, highest first"},
		{func() { f.Filter = "mark 1" }, "ordered by protocol, highest first"},
		{func() { f.Filter = "198.0.1" }, "ordered by protocol, highest first"},
		{func() { f.Filter = ""; p.Do(keys.Group, f) }, "grouped by source, flows, highest first"},
	} {
		step.do()
		var parts []string
		for p.sync(f); p.order.want != p.order.made; p.sync(f) {
			run := p.Work(f)
			if run == nil {
				t.Fatalf("%s: nothing is made", step.says)
			}
			got := text(p, f) // while the piece runs
			if p.order.view != old || !strings.Contains(got, "client") {
				t.Fatalf("%s: the old list is gone:\n%s", step.says, got)
			}
			if !p.order.made.groups() && p.Selected().Key() != chosen {
				t.Fatalf("%s: another one is chosen", step.says)
			}
			m := progress.FindStringSubmatch(got)
			if m == nil || !strings.Contains(got, step.says+" "+m[1]+" %") {
				t.Fatalf("%s: how far it is does not stand there:\n%s", step.says, got)
			}
			parts = append(parts, m[1])
			p.Done(run(), f)
		}
		if len(parts) < 3 || parts[0] != "0" || parts[len(parts)-1] == "0" {
			t.Errorf("%s: it was at %v", step.says, parts)
		}
		if got := text(p, f); progress.MatchString(got) {
			t.Errorf("%s: it is made, and still on its way:\n%s", step.says, got)
		}
		if old = p.order.view; !p.order.made.groups() && f.Filter == "" && p.Selected().Key() != chosen {
			t.Errorf("%s: another one is chosen", step.says)
		}
		if p.Selected() != nil {
			chosen = p.Selected().Key()
		}
	}
	if len(p.order.groups) != 5300 {
		t.Errorf("%d groups", len(p.order.groups))
	}
}

// Where there are more groups than are kept, the list has those that come first, and says how
// many there are.
func TestManyGroups(t *testing.T) {
	t.Parallel()
	p, f := longPage(t, 0)
	r := rand.New(rand.NewPCG(1, 2))
	b := flow.Batch{Time: f.Now}
	const sources = flow.MostGroups + 232
	for i := range sources + 500 { // 500 have two connections
		*b.Add() = flowtest.Connection(r, i%sources*50+i/sources, false, f.Now)
	}
	f.Snap.Flows.Table.ApplyBatch(&b)
	p.Do(keys.Group, f)
	finish(p, f)
	if got := text(p, f); !strings.Contains(got, "33000 groups by source, the first 32768, flows, highest first") {
		t.Errorf("it says\n%s", got)
	}
	for i, g := range p.order.groups {
		if two := i < 500; (g.Flows == 2) != two {
			t.Fatalf("group %d has %d connections", i, g.Flows)
		}
	}
	p.Do(keys.Bottom, f)
	if got := text(p, f); !strings.Contains(got, "and 232 groups with 232 connections, each behind these in this order") {
		t.Errorf("at its end it says\n%s", got)
	}
}

// Who asks for another list while one is made does not wait for it: what is under way is
// given up at the end of its piece, and never shown.
func TestNewerRequestWins(t *testing.T) {
	t.Parallel()
	p, f := longPage(t, 150_000)
	p.View(f)
	finish(p, f)
	shown := map[flow.Column]bool{}
	p.Do(keys.Sort, f) // by protocol
	run := p.Work(f)
	if run == nil {
		t.Fatal("no work")
	}
	if p.Work(f) != nil {
		t.Error("two pieces at a time")
	}
	for range 3 { // pressed while the piece runs
		p.Do(keys.Sort, f)
		shown[p.order.made.by] = true
	}
	p.Done(run(), f)
	for pieces := 0; p.order.made.by != flow.ByBackend; pieces++ {
		shown[p.order.made.by] = true
		if pieces > 3 || !piece(p, f) {
			t.Fatalf("after %d pieces it is ordered by %v", pieces, p.order.made.by)
		}
	}
	if fmt.Sprint(shown) != fmt.Sprint(map[flow.Column]bool{flow.ByAge: true}) {
		t.Errorf("lists by %v were shown", shown)
	}
	// A list that nobody asked for again is made anew after a while, and only then.
	s := *f.Snap
	s.Version++
	f.Snap = &s
	s.Flows.Table.Apply(flow.Event{Type: flow.EventDumpBegin})
	s.Flows.Table.Apply(flow.Event{Type: flow.EventDumpEnd, Flows: 1})
	if piece(p, f) {
		t.Error("it is made anew at once")
	}
	f.Now = f.Now.Add(time.Hour)
	if !piece(p, f) || p.order.pending() >= 0 {
		t.Error("it is not made anew, or said to be asked for")
	}
}

// TestLongWorkRests: who makes a long list, or groups of one, rests in each of its pieces and
// while they are put in order.
func TestLongWorkRests(t *testing.T) {
	t.Parallel()
	p, f := longPage(t, 40_000)
	for _, step := range []struct {
		do    func()
		least int
	}{
		{func() { p.Do(keys.Sort, f); p.Do(keys.Sort, f) }, 20},
		{func() { p.Do(keys.Group, f) }, 10}, // few of them, which are not sorted
	} {
		step.do()
		if run := p.Work(f); run == nil || p.order.job.rest == nil {
			t.Fatal("nothing is made beside the screen, or without a rest")
		}
		rests := 0
		j := p.order.job
		j.rest = func() { rests++ }
		if j.run(); !j.done || rests < step.least {
			t.Errorf("%s: %d rests, want %d", j.spec.words(), rests, step.least)
		}
		p.Done(j, f)
	}
}
