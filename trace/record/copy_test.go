package record

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
)

// upTo folds the items that came up to a time.
func upTo(list []feed.Item, at time.Time) *store.Store {
	st := store.New(journey.Options{Keep: 1 << 16})
	for i := range list {
		if it := list[i]; !it.Time.After(at) {
			st.Tick(it.Time)
			st.Apply(&it)
		}
	}
	return st
}

// step is where in its lesson a lab stands, -1 before it has told of itself: a slow machine
// reads the rules for a second and more first.
func step(s *snapshot.Snapshot) int {
	if s.Lab == nil {
		return -1
	}
	return s.Lab.Current
}

// TestCopySpan: a part of a recording has the packets of the whole one that began in it,
// and what held at its begin holds there.
func TestCopySpan(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/labs/*/recording.nfs")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	middles := 0 // parts from the middle in which there was something
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole, f := all(t, b)
		first, last := f.Span()
		for _, s := range []Span{{}, {From: time.Second}, {To: 5 * time.Second}, {From: 3 * time.Second, To: 12 * time.Second}, {From: time.Hour}} {
			var c bytes.Buffer
			if err := f.Copy(context.Background(), &c, nil, s); err != nil {
				t.Fatal(err)
			}
			part, g := all(t, c.Bytes())
			from, to := first.Add(s.From), last
			if s.To > 0 {
				to = first.Add(s.To)
			}
			var want []string
			for _, j := range folded(t, name, b) {
				if !j.Start.Before(from) && !j.Start.After(to) {
					want = append(want, j.Start.String()+j.Outcome.Sentence)
				}
			}
			var got []string
			for _, j := range folded(t, "part", c.Bytes()) {
				got = append(got, j.Start.String()+j.Outcome.Sentence)
			}
			if s.From == 3*time.Second && len(got) > 0 {
				middles++
			}
			if d := cmp.Diff(want, got); d != "" || s == (Span{}) && len(got) == 0 {
				t.Errorf("%s, %v: %s", name, s, d)
			}
			if s.From > 0 {
				if at, _ := g.Span(); !at.Equal(from) {
					t.Errorf("%s, %v begins at %v, want %v", name, s, at, from)
				}
			}
			if cut := to.Before(last); cut && g.End.Why != "the part that was copied ends here" || !cut && g.End.Why != f.End.Why {
				t.Errorf("%s, %v ended: %q", name, s, g.End.Why)
			}
			if s.From == 0 {
				continue
			}
			a, z := upTo(whole, from.Add(-1)).Snapshot(from), upTo(part, from).Snapshot(from)
			if a.Netns != z.Netns || a.Trace.Filter != z.Trace.Filter || a.Rules.Generation != z.Rules.Generation || a.Flows.Ready != z.Flows.Ready || step(a) != step(z) {
				t.Errorf("%s, %v begins with %+v, want %+v", name, s, z, a)
			}
			if d := cmp.Diff(a.Counts, z.Counts); d != "" {
				t.Errorf("%s, %v: counters: %s", name, s, d)
			}
			if d := cmp.Diff(living(a.Flows.Table.List()), living(z.Flows.Table.List())); d != "" {
				t.Errorf("%s, %v: connections: %s", name, s, d)
			}
		}
	}
	if middles == 0 {
		t.Error("no recording has a packet in its middle")
	}
}

// TestCopyBeside: a part of a recording begins with the newest rules of every other namespace,
// in front of the trace that goes through them, and they are counted by a name of their own.
func TestCopyBeside(t *testing.T) {
	t.Parallel()
	beside := func(ms int, netns, generation string) feed.Item {
		return feed.Item{Time: at(ms), Beside: &feed.Beside{Netns: netns, Rules: &model.Ruleset{Netns: netns, Generation: generation}}}
	}
	_, f := all(t, write(t, []feed.Item{beside(0, "b", "old"), beside(1, "a", "a1"), beside(2, "b", "b2"),
		{Time: at(3), Trace: &snapshot.Trace{Armed: true}}, {Time: at(2000), Problem: "p"}}))
	var c bytes.Buffer
	if err := f.Copy(context.Background(), &c, nil, Span{From: time.Second}); err != nil {
		t.Fatal(err)
	}
	part, g := all(t, c.Bytes())
	var got []string
	for i := range part {
		switch it := &part[i]; {
		case it.Beside != nil:
			got = append(got, it.Beside.Netns+" "+it.Beside.Rules.Generation)
		case it.Trace != nil:
			got = append(got, "trace")
		}
	}
	if d := cmp.Diff([]string{"a a1", "b b2", "trace"}, got); d != "" {
		t.Error(d)
	}
	in, err := g.Info(context.Background())
	if err != nil || in.Items["rules of other namespaces"] != 2 || in.Items["other"] != 0 {
		t.Errorf("%v, %v", in, err)
	}
}

// TestCopyLate: what comes late and happened before the part is not in it; what only holds is, as of
// its begin.
func TestCopyLate(t *testing.T) {
	t.Parallel()
	list := []feed.Item{{Time: at(0), Host: &feed.Host{Name: "r"}}, {Time: at(1200), Problem: "it has begun"}}
	for _, ms := range []int{900, 1400} {
		when := at(ms)
		for _, it := range []feed.Item{
			{Event: &journey.Event{Source: journey.SourceNFT, Time: when}},
			{Flow: &flow.Event{Type: flow.EventNew, Time: when, Flow: &flow.Flow{ID: 1}}},
			{Drop: &drop.Drop{Time: when}},
			{Sight: &journey.Sight{Time: when}},
		} {
			it.Time = at(1500)
			list = append(list, it)
		}
	}
	_, f := all(t, write(t, append(list, feed.Item{Time: at(800), Trace: &snapshot.Trace{Filter: "udp"}})))
	var c bytes.Buffer
	if err := f.Copy(context.Background(), &c, nil, Span{From: time.Second}); err != nil {
		t.Fatal(err)
	}
	part, g := all(t, c.Bytes())
	got := map[string]int{}
	for i := range part {
		switch it := &part[i]; {
		case it.Trace != nil && !it.Time.Equal(at(1000)):
			t.Errorf("the trace is as of %v", it.Time)
		case it.Event != nil:
			got["event"]++
		case it.Flow != nil:
			got["flow"]++
		case it.Drop != nil:
			got["drop"]++
		case it.Sight != nil:
			got["sight"]++
		}
		if h := happened(&part[i]); h.Before(at(1000)) {
			t.Errorf("it happened before: %+v", part[i])
		}
	}
	if d := cmp.Diff(map[string]int{"event": 1, "flow": 1, "drop": 1, "sight": 1}, got); d != "" {
		t.Error(d)
	}
	if first, _ := g.Span(); !first.Equal(at(1000)) {
		t.Errorf("it begins at %v", first)
	}
}

// TestCopyPartial: counters that were read apart from the others hold at the begin of a part, the
// newest of each, and no longer than until all are read again.
func TestCopyPartial(t *testing.T) {
	t.Parallel()
	n := func(id int, packets uint64) model.Numbered {
		return model.Numbered{ID: id, Counters: model.Counters{Packets: packets, Valid: true}}
	}
	counts := feed.Item{Time: at(1), Counts: &model.Counts{Generation: "g", Taken: at(1)}}
	list := []feed.Item{{Time: at(0), Rules: &model.Ruleset{Generation: "g"}},
		{Time: at(0), Partial: &model.Partial{Generation: "g", Taken: at(0), Rules: []model.Numbered{n(7, 9)}}}, counts,
		{Time: at(2), Partial: &model.Partial{Generation: "g", Taken: at(2), Rules: []model.Numbered{n(3, 1), n(1, 1)}, Chains: []model.Numbered{n(2, 5)}}},
		{Time: at(3), Partial: &model.Partial{Generation: "g", Taken: at(3), Rules: []model.Numbered{n(3, 8)}}}, {Time: at(2000), Problem: "p"}}
	_, f := all(t, write(t, list))
	var c bytes.Buffer
	if err := f.Copy(context.Background(), &c, nil, Span{From: time.Second}); err != nil {
		t.Fatal(err)
	}
	part, _ := all(t, c.Bytes())
	var got []*model.Partial
	for i := range part {
		if part[i].Partial != nil {
			got = append(got, part[i].Partial)
		}
	}
	if d := cmp.Diff([]*model.Partial{{Generation: "g", Taken: at(3), Rules: []model.Numbered{n(1, 1), n(3, 8)}, Chains: []model.Numbered{n(2, 5)}}}, got); d != "" {
		t.Error(d)
	}
}

// TestCopyHeld: what did not work and the connections that stood hold at the begin of a part;
// those that were gone do not, and a reading of the table that was not at its end is not made whole.
func TestCopyHeld(t *testing.T) {
	t.Parallel()
	conn := func(ms int, e flow.EventType, id uint32) feed.Item {
		f := &flow.Flow{ID: id, Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: uint16(id), DPort: 9}}}
		return feed.Item{Time: at(ms), Flow: &flow.Event{Type: e, Time: at(ms), Flow: f}}
	}
	for _, whole := range []bool{false, true} {
		list := []feed.Item{{Time: at(0), Problem: "no LOG here"}, {Time: at(1), Flow: &flow.Event{Type: flow.EventDumpBegin, Time: at(1)}}, conn(2, flow.EventDump, 1), conn(2, flow.EventDump, 2)}
		if whole {
			list = append(list, feed.Item{Time: at(3), Flow: &flow.Event{Type: flow.EventDumpEnd, Time: at(3), Flows: 2}}, conn(900, flow.EventDestroy, 2))
		}
		_, f := all(t, write(t, append(list, feed.Item{Time: at(1500), Problem: "later"})))
		var c bytes.Buffer
		if err := f.Copy(context.Background(), &c, nil, Span{From: time.Second}); err != nil {
			t.Fatal(err)
		}
		part, _ := all(t, c.Bytes())
		var got []string
		for _, it := range part {
			switch {
			case it.Flow == nil:
				got = append(got, it.Problem)
			case it.Flow.Flow != nil:
				got = append(got, fmt.Sprint(it.Flow.Type, it.Flow.Flow.ID))
			default:
				got = append(got, fmt.Sprint(it.Flow.Type, it.Flow.Flows))
			}
		}
		begin, dump, end := fmt.Sprint(flow.EventDumpBegin, 0), fmt.Sprint(flow.EventDump, 1), fmt.Sprint(flow.EventDumpEnd, 1)
		want := []string{begin, dump, end, "no LOG here", "later"}
		if !whole {
			want = []string{begin, dump, fmt.Sprint(flow.EventDump, 2), "no LOG here", "later"}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("whole %v: %s", whole, d)
		}
	}
}

// living are the connections that are not gone.
func living(list []*flow.Flow) (out []string) {
	for _, f := range list {
		if f.Gone.IsZero() {
			out = append(out, f.Key().Orig.String())
		}
	}
	return out
}
